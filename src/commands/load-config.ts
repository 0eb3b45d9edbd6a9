// Loads the configuration of a command: the file of `--config`, or the default file, which may be
// missing.
import { defaultConfigFile, readSettings } from '../config.ts';
import { configBytesMax } from '../limits.ts';
import type { Configuration, Environment } from '../config.ts';
import type { Disk, DiskResult } from '../host/ports.ts';

export async function loadConfiguration(
  disk: Disk,
  environment: Environment,
  named: string | undefined,
): Promise<Configuration> {
  const file = named ?? defaultConfigFile;
  const data = await readStart(disk, file);
  if (!data.ok) {
    if (data.code === 'ENOENT' && named === undefined) {
      return readSettings({ file, text: undefined, environment });
    }
    return failed(file, `cannot be read (${data.reason})`, hintFor(data.code));
  }
  if (data.value.length > configBytesMax) {
    return failed(file, `has more than ${configBytesMax} bytes`, 'name another file with --config');
  }
  const text = decode(data.value);
  if (text === undefined) return failed(file, 'is not UTF-8', 'save it as UTF-8');
  return readSettings({ file, text, environment });
}

function hintFor(code: string): string {
  if (code === 'ENOTSUP') return 'name a regular file';
  if (code === 'EISDIR') return 'name a file, not a directory';
  return code === 'ENOENT' || code === 'ENOTDIR'
    ? 'name another file with --config'
    : 'make it readable';
}

function failed(file: string, problem: string, hint: string): Configuration {
  const origin = { kind: 'file', file, line: undefined } as const;
  return { ok: false, errors: [{ origin, key: '', problem, hint }] };
}

/** Reads one byte more than the limit, so that the caller can detect a longer file. */
async function readStart(disk: Disk, path: string): Promise<DiskResult<Uint8Array>> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return opened;
  const data = await opened.value.read(0, configBytesMax + 1);
  await opened.value.close();
  return data;
}

function decode(data: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data);
  } catch {
    return undefined;
  }
}
