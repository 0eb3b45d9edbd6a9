// Which installer a payload is for: the configured rules by name, else what the first bytes say.
// Only enabled installers are chosen: for all others this device has no software.
import { gunzipSync } from 'node:zlib';
import type { PackageId } from '../core/model.ts';
import type { Settings } from '../core/settings.ts';
import type { Disk } from '../host/ports.ts';
import type { InstallerName } from './installer.ts';

export type Chosen =
  | { readonly ok: true; readonly name: InstallerName }
  /** `code` is the errno name where the payload could not be read. */
  | { readonly ok: false; readonly reason: string; readonly code?: string };

/** Enough for a gzip member to give the first tar header. */
const headBytes = 4_096;
/** Z_SYNC_FLUSH of zlib; its table of constants would load zlib at once. */
const syncFlush = 2;

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
  const head = opened.ok ? await opened.value.read(0, headBytes) : opened;
  if (opened.ok) await opened.value.close();
  if (!head.ok) {
    return { ok: false, reason: `cannot read the payload: ${head.reason}`, code: head.code };
  }
  const kind = kindOf(Buffer.from(head.value));
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

function kindOf(head: Buffer): InstallerName | undefined {
  if (/^07070[12]/.test(head.toString('latin1', 0, 6))) return 'swupdate';
  if (head.toString('latin1', 0, 8) === '!<arch>\n') {
    return head.toString('latin1', 8, 24).startsWith('debian-binary') ? 'opkg' : undefined;
  }
  if (head[0] !== 0x1f || head[1] !== 0x8b) return undefined;
  return /^(\.\/)?debian-binary$/.test(firstTarName(head) ?? '') ? 'opkg' : undefined;
}

function firstTarName(head: Buffer): string | undefined {
  try {
    // The member goes on behind what was read: take what it gives so far.
    const options = { finishFlush: syncFlush, maxOutputLength: 1_048_576 };
    const tar = gunzipSync(head, options);
    if (tar.length < 512) return undefined;
    return tar.toString('latin1', 0, 100).replace(/\0.*$/s, '');
  } catch {
    return undefined;
  }
}
