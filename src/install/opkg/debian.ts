// An .ipk in an ar archive has the format of a Debian package. What differs is not in the format:
// Debian's names of architectures, and control archives that opkg-build does not make. So a package
// is never refused because of it; the report of a failure explains it.
import { readForm } from './ipk.ts';
import type { Disk } from '../../host/ports.ts';

/** Debian's architectures that no distribution of opkg uses as a name of its own. */
const architectures = new Set([
  'amd64',
  'arm64',
  'armel',
  'armhf',
  'i386',
  'loong64',
  'mips64el',
  'ppc64el',
  'riscv64',
  's390x',
]);

/**
 * Returns a sentence for the report, or nothing if the payload does not look like a .deb.
 * `isUnread`: nobody could read its control, so that the compression is a sign as well.
 */
export async function debianHint(
  disk: Disk,
  path: string,
  architecture: string,
  isUnread: boolean,
): Promise<string> {
  const form = await readForm(disk, path);
  if (!form.ok || form.value.shape !== 'ar') return '';
  const isForeign = architectures.has(architecture);
  if (!isForeign && !(isUnread && /\.(xz|zst)$/.test(form.value.control))) return '';
  const what = isForeign ? `Architecture ${architecture}` : form.value.control;
  const line = isForeign ? ` has a line "arch ${architecture} 10"` : ' accepts it';
  return (
    `the payload looks like a Debian package (.deb, ${what}): install it with dpkg -i through ` +
    `[installer.command] and a rule in installer.rules, or with opkg if its configuration${line}; `
  );
}
