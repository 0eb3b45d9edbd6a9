// What the files of a daemon that is down say. Reads only: the next daemon finds everything as it
// was.
import { servicesOf } from './agent/speaker.ts';
import { replay } from './core/apply.ts';
import { describe } from './core/describe.ts';
import { decodeRecords } from './store/record.ts';
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
  const bytes = size.ok ? await file.read(0, size.value) : size;
  await file.close();
  if (!bytes.ok) return undefined;
  const state = replay(decodeRecords(bytes.value).facts);
  return describe(state, {
    version,
    uptimeMs: 0,
    nowMs: 0,
    source: 'flash',
    vin: settings.device.vin,
    uuid: settings.device.uuid,
    services: servicesOf(settings, state),
    trouble: undefined,
  });
}
