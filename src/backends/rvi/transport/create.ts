// Creates the transport that the configuration selects.
import { fixedPath, keptPath } from './delivery-path.ts';
import { guardTransport } from './guard.ts';
import { createHttpTransport } from './http.ts';
import { openTlsFiles } from './tls-files.ts';
import { createWebSocketTransport } from './websocket.ts';
import type { Settings } from '../settings.ts';
import type { Disk, DiskResult } from '../../../host/ports.ts';
import type { Transport, TransportPorts } from './transport.ts';

export async function createTransport(
  ports: TransportPorts & { readonly disk: Disk },
  settings: Settings,
): Promise<DiskResult<Transport>> {
  const { url, listen, allowedPeers, networkAddress, path, proxy } = settings.rvi;
  const isSecure = /^(https|wss):/i.test(url);
  const opened = isSecure ? await openTlsFiles(ports, settings.rvi.tls) : undefined;
  if (opened?.ok === false) return opened;
  const way = { url, tls: opened?.value, proxy };
  const paths = path === 'secret' ? keptPath(ports, settings.storage.directory) : fixedPath(path);
  const value = /^wss?:/i.test(url)
    ? createWebSocketTransport(ports, way)
    : createHttpTransport(ports, { ...way, listen, allow: allowedPeers, networkAddress, paths });
  return { ok: true, value: guardTransport(value, url, ports.log) };
}
