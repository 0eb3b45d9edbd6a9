// The sections of the installers: [installer.opkg] and others. Their keys, defaults and paths are
// derived from the tables that the installers export.
import {
  absolutePath,
  absolutePathOrNone,
  program,
  programOrNone,
  socketFolderOrNone,
} from './addresses.ts';
import { flag, words } from './readers.ts';
import { installerKinds } from '../install/installers.ts';
import { keyOfProperty } from '../install/settings-table.ts';
import type { InstallerName, InstallerSections } from '../install/installers.ts';
import type { Setting, SettingValue } from '../install/settings-table.ts';
import type { Take } from './keys.ts';
import type { Reader } from './readers.ts';

/** A key of a section. `installer.opkg.status_file` is `statusFile` of opkg. */
export type SectionKey = {
  readonly key: string;
  readonly name: InstallerName;
  readonly property: string;
  readonly setting: Setting;
};

export const sectionKeys: readonly SectionKey[] = installerKinds.flatMap(({ name, settings }) =>
  Object.entries<Setting>(settings).map(([property, setting]) => {
    return { key: sectionKey(name, property), name, property, setting };
  }),
);

export function sectionKey(name: InstallerName, property: string): string {
  return `installer.${name}.${keyOfProperty(property)}`;
}

export function readSections(take: Take): InstallerSections {
  const sections: { [name: string]: { [property: string]: SettingValue } } = {};
  for (const { key, name, property, setting } of sectionKeys) {
    const section = (sections[name] ??= {});
    const former = setting.formerly && `installer.${name}.${setting.formerly}`;
    section[property] = take(key, readerOf(setting), setting.default, former);
  }
  // The loop gives each property of each table a value of its type.
  return sections as InstallerSections;
}

function readerOf(setting: Setting): Reader<SettingValue> {
  switch (setting.type) {
    case 'program':
      return setting.default === '' ? programOrNone : program;
    case 'file':
      return setting.default === '' ? absolutePathOrNone : absolutePath;
    case 'socket-directory':
      return socketFolderOrNone;
    case 'arguments':
    case 'command-line':
      return words(setting.sample);
    case 'flag':
      return flag;
  }
}

/** Returns the value of a key; undefined: the installer has none. */
export function valueOf(
  sections: InstallerSections,
  { name, property }: SectionKey,
): SettingValue | undefined {
  return Object.entries<SettingValue>(sections[name]).find(([own]) => own === property)?.[1];
}

type Named = { readonly key: string; readonly path: string; readonly isFolder: boolean };

/** Returns the paths in the sections, with their keys. A program without a slash has no path. */
export function sectionPaths(sections: InstallerSections): readonly Named[] {
  return sectionKeys.flatMap((one) => {
    const value = valueOf(sections, one);
    const path = one.setting.type === 'command-line' && Array.isArray(value) ? value[0] : value;
    if (typeof path !== 'string' || !path.startsWith('/')) return [];
    return [{ key: one.key, path, isFolder: one.setting.type === 'socket-directory' }];
  });
}
