// Which installer a payload is for: the configured rules by name, else what the first bytes say.
// Only enabled installers are chosen: for all others this device has no software.
import { isIpk } from './opkg/members.ts';
import type { PackageId } from '../core/model.ts';
import type { Settings } from '../core/settings.ts';
import type { Disk, DiskFile, DiskResult } from '../host/ports.ts';
import type { InstallerName } from './installer.ts';

export type Chosen =
  | { readonly ok: true; readonly name: InstallerName }
  /** `code` is the errno name where the payload could not be read. */
  | { readonly ok: false; readonly reason: string; readonly code?: string };

const cpioMagicBytes = 6;

export async function choose(
  disk: Disk,
  settings: Settings['installer'],
  id: PackageId,
  path: string,
): Promise<Chosen> {
  const rule = settings.rules.find(({ name }) => globOf(name).test(id.name));
  if (rule !== undefined) return { ok: true, name: rule.installer };
  if (settings.default !== 'auto') return { ok: true, name: settings.default };
  const opened = await disk.open(path, 'read');
  const read = opened.ok ? await kindOf(opened.value) : opened;
  if (opened.ok) await opened.value.close();
  if (!read.ok) {
    return { ok: false, reason: `cannot read the payload: ${read.reason}`, code: read.code };
  }
  const kind = read.value;
  if (kind !== undefined && settings.enabled.includes(kind)) return { ok: true, name: kind };
  if (settings.enabled.includes('command')) return { ok: true, name: 'command' };
  return { ok: false, reason: refusal(settings, kind) };
}

function refusal({ enabled }: Settings['installer'], kind: InstallerName | undefined): string {
  const key = 'installer.enabled';
  if (enabled.length === 0) return `no installer is enabled on this device: ${key} is empty`;
  if (kind === undefined) {
    return `neither an .ipk nor a .swu, and ${key} does not list "command" for other formats`;
  }
  const format = kind === 'opkg' ? 'an .ipk' : 'a .swu';
  return `the payload is ${format}, and ${key} does not list "${kind}"`;
}

/**
 * `*` and `?` only; all else is itself. Without a RegExp: the sender chooses the name, and with
 * several `*` a RegExp takes hours for a name of dashes. This takes at most pattern times name.
 */
function globOf(pattern: string): { test(name: string): boolean } {
  const wanted = [...pattern];
  return { test: (name) => isMatch(wanted, [...name]) };
}

/** Only the last `*` is ever extended: what an earlier one matched need not change. */
function isMatch(wanted: readonly string[], given: readonly string[]): boolean {
  let [at, star, starAt] = [0, -1, 0];
  for (let index = 0; index < given.length; ) {
    if (wanted[at] === '*') {
      star = at;
      starAt = index;
      at += 1;
    } else if (at < wanted.length && (wanted[at] === '?' || wanted[at] === given[index])) {
      at += 1;
      index += 1;
    } else if (star >= 0) {
      at = star + 1;
      starAt += 1;
      index = starAt;
    } else {
      return false;
    }
  }
  return wanted.slice(at).every((one) => one === '*');
}

async function kindOf(file: DiskFile): Promise<DiskResult<InstallerName | undefined>> {
  const head = await file.read(0, cpioMagicBytes);
  if (!head.ok) return head;
  const isCpio = /^07070[12]/.test(Buffer.from(head.value).toString('latin1'));
  if (isCpio) return { ok: true, value: 'swupdate' };
  return { ok: true, value: (await isIpk(file)) ? 'opkg' : undefined };
}
