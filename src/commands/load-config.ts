// The configuration of a command: the file that `--config` names, else the usual one, which may
// be missing.
import { defaultConfigFile, readSettings } from '../config.ts';
import { configBytesMax } from '../limits.ts';
import type { ConfigError, Configuration, Environment } from '../config.ts';
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
    return refuse(file, `cannot be read (${data.reason})`, mendOf(data.code));
  }
  if (data.value.length > configBytesMax) {
    return refuse(file, `has more than ${configBytesMax} bytes`, 'give another --config');
  }
  const text = decode(data.value);
  if (text === undefined) return refuse(file, 'is not UTF-8', 'save it as UTF-8');
  return readSettings({ file, text, environment });
}

function mendOf(code: string): string {
  if (code === 'ENOTSUP') return 'give a regular file';
  if (code === 'EISDIR') return 'give a file, not a folder';
  return code === 'ENOENT' || code === 'ENOTDIR' ? 'give another --config' : 'make it readable';
}

function refuse(file: string, problem: string, hint: string): Configuration {
  const complaint: ConfigError = {
    origin: { kind: 'file', file, line: undefined },
    key: '',
    problem,
    hint,
  };
  return { ok: false, errors: [complaint] };
}

/** One byte more than a configuration may have, so that a longer one shows. */
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
