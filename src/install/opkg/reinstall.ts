// opkg lists a package as installed all through a reinstall of the same version. If that is
// interrupted, the list and the bytes do not prove that the postinst has run: a mark in the folder
// of the transfer does, durable before the reinstall and removed after its success.
import { parentOf, writeWhole } from './status.ts';
import type { Disk, DiskResult } from '../../host/ports.ts';

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
      return written.ok ? disk.syncDirectory(parentOf(path)) : written;
    },
    remove: async () => {
      await disk.remove(path);
      await disk.syncDirectory(folder);
    },
  };
}
