// Reads the status from the files of a daemon that is not running. Changes no file.
import { journalFold } from './agent/journal-fold.ts';
import { serverView } from './agent/backend.ts';
import { describe } from './core/status-view.ts';
import { journalBytesMax } from './limits.ts';
import { damageText } from './store/damage.ts';
import { isPlanted } from './store/payload-files.ts';
import { foldJournal } from './store/journal-codec.ts';
import type { Settings } from './settings.ts';
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
  const { state, ...decoded } = foldJournal(journalFold, bytes.value);
  if (decoded.isForeign && bytes.value.length > 0) return none;
  const value = describe(state.core, serverView(settings, state, 0), [], {
    version,
    uptimeMs: 0,
    nowMs: 0,
    source: 'flash',
    vin: settings.device.vin,
    uuid: settings.device.uuid,
    storageError: damageText(decoded),
  });
  return { ok: true, value };
}
