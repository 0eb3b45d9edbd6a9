// A TLS front end on the host: passes the bytes of the guest on to the backend.
import { connect } from 'node:net';
import { createServer } from 'node:tls';
import { listening, portOf } from '../backend/edge-http.ts';
import type { Socket } from 'node:net';
import type { Pair } from '../support/certificates.ts';

export type Front = { readonly port: number; close(): Promise<void> };

export async function startFront(own: Pair, backendPort: number): Promise<Front> {
  const open = new Set<Socket>();
  const server = createServer({ ...own, minVersion: 'TLSv1.2' }, (socket) => {
    const onward = connect(backendPort, '127.0.0.1');
    open.add(socket).add(onward);
    socket.on('close', () => onward.destroy()).on('error', () => undefined);
    onward.on('close', () => socket.destroy()).on('error', () => undefined);
    onward.pipe(socket).pipe(onward);
  });
  await listening(server, 0);
  const close = () => {
    for (const socket of open) socket.destroy();
    return new Promise<void>((done) => void server.close(() => done()));
  };
  return { port: portOf(server.address(), 0), close };
}
