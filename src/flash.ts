// What the files of a daemon that is down say. Reads only: the next daemon finds everything as it
// was.
import { servicesOf } from './agent/speaker.ts';
import { replay } from './core/apply.ts';
import { describe } from './core/describe.ts';
import { journalBytesMax } from './limits.ts';
import { damageText } from './store/damage.ts';
import { decodeJournal } from './store/decode.ts';
import type { Settings } from './core/settings.ts';
import type { Status } from './core/status.ts';
import type { Disk } from './host/ports.ts';

export async function readFlash(
  disk: Disk,
  settings: Settings,
  version: string,
): Promise<Status | undefined> {
  const opened = await disk.open(`${settings.storage.directory}/journal`, 'read');
  if (!opened.ok) return undefined;
  const file = opened.value;
  const size = await file.size();
  const isLong = size.ok && size.value > journalBytesMax;
  const bytes = size.ok ? await file.read(0, isLong ? 0 : size.value) : size;
  await file.close();
  if (!bytes.ok) return undefined;
  const decoded = decodeJournal(bytes.value);
  if (decoded.isForeign && bytes.value.length > 0) return undefined;
  const state = replay(decoded.facts);
  return describe(state, {
    version,
    uptimeMs: 0,
    nowMs: 0,
    source: 'flash',
    vin: settings.device.vin,
    uuid: settings.device.uuid,
    services: servicesOf(settings, state),
    trouble: damageText(decoded),
  });
}
