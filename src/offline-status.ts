// What the files of a daemon that is down say. Reads only: the next daemon finds everything as it
// was.
import { servicesOf } from './backends/rvi/sender.ts';
import { replay } from './core/apply.ts';
import { describe } from './core/status-view.ts';
import { journalBytesMax } from './limits.ts';
import { damageText } from './store/damage.ts';
import { isPlanted } from './store/payload-files.ts';
import { decodeJournal } from './store/decode.ts';
import type { Settings } from './core/settings.ts';
import type { Status } from './core/status.ts';
import type { Disk, DiskResult } from './host/ports.ts';

const none = { ok: true, value: undefined } as const;

export async function readFlash(
  disk: Disk,
  settings: Settings,
  version: string,
): Promise<DiskResult<Status | undefined>> {
  const path = `${settings.storage.directory}/journal`;
  const opened = await disk.open(path, 'read', 'refused');
  if (!opened.ok) return isPlanted(opened.code) ? opened : none;
  const file = opened.value;
  const size = await file.size();
  const isLong = size.ok && size.value > journalBytesMax;
  const bytes = size.ok ? await file.read(0, isLong ? 0 : size.value) : size;
  await file.close();
  if (!bytes.ok) return none;
  const decoded = decodeJournal(bytes.value);
  if (decoded.isForeign && bytes.value.length > 0) return none;
  const state = replay(decoded.facts);
  const value = describe(state, {
    version,
    uptimeMs: 0,
    nowMs: 0,
    source: 'flash',
    vin: settings.device.vin,
    uuid: settings.device.uuid,
    services: servicesOf(settings, state),
    trouble: damageText(decoded),
  });
  return { ok: true, value };
}
