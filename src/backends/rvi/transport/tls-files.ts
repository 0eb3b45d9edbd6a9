// Reads the TLS files of the configuration. A new connection reads them again, so a renewal needs
// no restart. If a file is then invalid or incomplete, the earlier files stay in use.
import { createHash } from 'node:crypto';
import { tlsFileBytesMax, tlsFilesEveryMs } from '../../../limits.ts';
import { exposure } from '../../../sanitize.ts';
import { createTls, datesFault } from './tls.ts';
import type { Clock, Disk, DiskResult, Log } from '../../../host/ports.ts';
import type { TlsContext, TlsSource } from './tls.ts';

export type TlsFilePorts = { readonly clock: Clock; readonly disk: Disk; readonly log: Log };

export type TlsPaths = {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
};

/** `exposed`: what is wrong with the permissions of the key. */
type Files = { readonly tls: TlsContext; readonly digest: string; readonly exposed?: string };

export async function openTlsFiles(
  { clock, disk, log }: TlsFilePorts,
  paths: TlsPaths,
): Promise<DiskResult<TlsSource>> {
  const first = await readFiles(disk, paths);
  if (!first.ok) return first;
  let held = first.value;
  let triedMs = clock.nowMs();
  let loggedReason: string | undefined;
  warn(held);

  function warn({ exposed, tls }: Files): void {
    if (exposed !== undefined) log('warn', 'tls-key-permissions', { reason: exposed });
    const fault = datesFault(tls.ownDates, clock.wallMs());
    if (fault !== undefined) log('warn', 'tls-certificate-dates', { reason: fault });
  }

  function take(read: DiskResult<Files>): void {
    if (!read.ok) {
      if (read.reason !== loggedReason) log('warn', 'tls-reload-failed', { reason: read.reason });
      loggedReason = read.reason;
      return;
    }
    loggedReason = undefined;
    if (read.value.digest === held.digest) return;
    held = read.value;
    log('info', 'tls-reloaded', {});
    warn(held);
  }

  const source: TlsSource = async () => {
    if (clock.nowMs() - triedMs >= tlsFilesEveryMs) {
      triedMs = clock.nowMs();
      take(await readFiles(disk, paths));
    }
    return held.tls;
  };
  return { ok: true, value: source };
}

async function readFiles(disk: Disk, paths: TlsPaths): Promise<DiskResult<Files>> {
  const digest = createHash('sha256');
  const files: (Uint8Array | undefined)[] = [];
  let exposed: string | undefined;
  for (const name of ['ca', 'cert', 'key'] as const) {
    const path = paths[name];
    const read = path === undefined ? undefined : await readFile(disk, path);
    if (read !== undefined && !read.ok) {
      return { ...read, reason: `[rvi] tls_${name}: ${read.reason}` };
    }
    const { data, mode = 0 } = read?.value ?? {};
    files.push(data);
    digest.update(`${name} ${data?.length} `).update(data ?? '');
    const fault = name === 'key' ? exposure(mode) : undefined;
    if (fault !== undefined) exposed = `[rvi] tls_key: ${path} ${fault}: chmod 600 it`;
  }
  const [ca, cert, key] = files;
  const made = createTls({ ca, cert, key });
  if (!made.ok) return { ...made, reason: `[rvi] ${made.reason}` };
  const value = { tls: made.value, digest: digest.digest('hex') };
  return { ok: true, value: exposed === undefined ? value : { ...value, exposed } };
}

type Content = { readonly data: Uint8Array; readonly mode: number };

async function readFile(disk: Disk, path: string): Promise<DiskResult<Content>> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return opened;
  const file = opened.value;
  const data = await file.read(0, tlsFileBytesMax);
  const mode = await file.mode();
  await file.close();
  if (!data.ok) return data;
  return { ok: true, value: { data: data.value, mode: mode.ok ? mode.value : 0 } };
}
