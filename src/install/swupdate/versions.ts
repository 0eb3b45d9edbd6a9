// /etc/sw-versions: a line each, name and version. SWUpdate reads it and never writes it; images
// and scripts do.
import { nameBytesMax } from '../../limits.ts';
import type { Disk } from '../../host/ports.ts';

const fileBytesMax = 262_144;

export type Versions =
  | {
      readonly ok: true;
      readonly versions: ReadonlyMap<string, string>;
      /** False: some of it is no UTF-8, so that what is missing may still be there. */
      readonly isWhole: boolean;
    }
  | { readonly ok: false; readonly isAbsent: boolean; readonly reason: string };

export async function readVersions(disk: Disk, path: string): Promise<Versions> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) {
    const isAbsent = opened.code === 'ENOENT';
    return { ok: false, isAbsent, reason: `cannot read ${path}: ${opened.reason}` };
  }
  const found = await opened.value.read(0, fileBytesMax);
  await opened.value.close();
  if (!found.ok) {
    return { ok: false, isAbsent: false, reason: `cannot read ${path}: ${found.reason}` };
  }
  const text = Buffer.from(found.value).toString();
  return { ok: true, versions: parseVersions(text), isWhole: !text.includes('\ufffd') };
}

/** What is no pair of a name and a version is left out. */
export function parseVersions(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim().split(/\s+/));
  return new Map(
    lines.flatMap(([name = '', version, ...more]): readonly (readonly [string, string])[] => {
      const isPair = version !== undefined && more.length === 0;
      return isPair && isShort(name) && isShort(version) ? [[name, version]] : [];
    }),
  );
}

function isShort(text: string): boolean {
  return Buffer.byteLength(text) <= nameBytesMax;
}
