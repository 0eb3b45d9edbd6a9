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
  if (rule !== undefined) return { ok: true, name: rule.use };
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

/** `*` and `?` only; all else is itself. */
function globOf(pattern: string): RegExp {
  const spelled = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${spelled.replace(/\*/g, '.*').replace(/\?/g, '.')}$`, 'su');
}

async function kindOf(file: DiskFile): Promise<DiskResult<InstallerName | undefined>> {
  const head = await file.read(0, cpioMagicBytes);
  if (!head.ok) return head;
  const isCpio = /^07070[12]/.test(Buffer.from(head.value).toString('latin1'));
  if (isCpio) return { ok: true, value: 'swupdate' };
  return { ok: true, value: (await isIpk(file)) ? 'opkg' : undefined };
}
