// What is kept durable through an attempt: the state before the install, in the journal, and the
// mark of a reinstall, in the folder of the transfer.
import { asObject, jsonObject, writeWhole } from '../files.ts';
import type { Disk, DiskResult } from '../../host/ports.ts';
import type { Copy } from './status-file.ts';

export type Before = {
  readonly name: string;
  readonly version: string;
  /** The package as opkg listed it; undefined: it was not listed. */
  readonly was: { readonly version: string; readonly state: string } | undefined;
  readonly copies: readonly Copy[];
};

export function encodeBefore({ name, version, was, copies }: Before): string {
  const old = was === undefined ? {} : { was: { version: was.version, state: was.state } };
  return JSON.stringify({ name, version, ...old, copies });
}

/** The text may come from another version of the agent: what it lacks is unknown. */
export function decodeBefore(text: string): Before {
  const all = jsonObject(text);
  const { version, state } = asObject(all['was']);
  const copies: readonly unknown[] = Array.isArray(all['copies']) ? all['copies'] : [];
  return {
    name: String(all['name'] ?? ''),
    version: String(all['version'] ?? ''),
    was: typeof version === 'string' && typeof state === 'string' ? { version, state } : undefined,
    copies: copies.flatMap((one) => {
      const { path, copy, sha256 = '' } = asObject(one);
      if (typeof path !== 'string' || typeof copy !== 'string') return [];
      return typeof sha256 === 'string' ? [{ path, copy, sha256 }] : [];
    }),
  };
}

/**
 * During a reinstall of the same version opkg lists the package as installed. If the reinstall is
 * interrupted, neither the list nor the bytes prove that the postinst has run. The mark does: it is
 * durable before the reinstall, and removed after its success.
 */
export type ReinstallMark = {
  isSet(): Promise<boolean>;
  set(): Promise<DiskResult<void>>;
  remove(): Promise<void>;
};

export function createReinstallMark(disk: Disk, folder: string): ReinstallMark {
  const path = `${folder}/reinstalling`;
  return {
    isSet: async () => {
      const opened = await disk.open(path, 'read');
      if (opened.ok) await opened.value.close();
      return opened.ok;
    },
    set: async () => {
      const written = await writeWhole(disk, path, Buffer.from('1\n'));
      return written.ok ? disk.syncDirectory(folder) : written;
    },
    remove: async () => {
      await disk.remove(path);
      await disk.syncDirectory(folder);
    },
  };
}
