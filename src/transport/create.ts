// The transport that the configuration names, with its certificates read.
import { createHttpTransport } from './http.ts';
import { createTls } from './tls.ts';
import { createWebSocketTransport } from './websocket.ts';
import type { Settings } from '../core/settings.ts';
import type { Disk, DiskResult } from '../host/ports.ts';
import type { TlsContext } from './tls.ts';
import type { Transport, TransportPorts } from './transport.ts';

/** Of one file; the certificates of every public authority together are a quarter of it. */
const certificateBytesMax = 1_048_576;

export async function createTransport(
  ports: TransportPorts & { readonly disk: Disk },
  settings: Settings,
): Promise<DiskResult<Transport>> {
  const { url, listen, allow, networkAddress, proxy } = settings.rvi;
  const read = await readTls(ports.disk, settings);
  if (!read.ok) return read;
  const way = { url, tls: read.value, proxy };
  const value = /^wss?:/i.test(url)
    ? createWebSocketTransport(ports, way)
    : createHttpTransport(ports, { ...way, listen, allow, networkAddress });
  return { ok: true, value };
}

async function readTls(
  disk: Disk,
  settings: Settings,
): Promise<DiskResult<TlsContext | undefined>> {
  if (!/^(https|wss):/i.test(settings.rvi.url)) return { ok: true, value: undefined };
  const { ca, cert, key } = settings.rvi.tls;
  const files: (Uint8Array | undefined)[] = [];
  for (const [name, path] of Object.entries({ tls_ca: ca, tls_cert: cert, tls_key: key })) {
    const read = path === undefined ? undefined : await readFile(disk, path);
    if (read !== undefined && !read.ok) return { ...read, reason: `[rvi] ${name}: ${read.reason}` };
    files.push(read?.value);
  }
  const made = createTls({ ca: files[0], cert: files[1], key: files[2] });
  return made.ok ? made : { ...made, reason: `[rvi] ${made.reason}` };
}

async function readFile(disk: Disk, path: string): Promise<DiskResult<Uint8Array>> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return opened;
  const data = await opened.value.read(0, certificateBytesMax);
  await opened.value.close();
  return data;
}
