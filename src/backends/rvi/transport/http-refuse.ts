// Rejects requests at the listener: logs address and reason, counts the request, answers, and
// closes the connection. The answer is the same for every reason, so that a peer learns nothing
// from it.
import { refusalCloseMs } from '../../../limits.ts';
import { codeOf } from './errors.ts';
import { drain } from './http-body.ts';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock, Log } from '../../../host/ports.ts';

export type Refuser = {
  /** Logs and counts a rejected request, and keeps the connection. */
  count(socket: Duplex, reason: string): void;
  /** True if a rejected request ended the connection: later requests on it are ignored. */
  isOver(socket: Duplex): boolean;
  /** Rejects a request that Node has read. */
  answer(request: IncomingMessage, response: ServerResponse, reason: string): void;
  /** Rejects a connection on which Node reads no requests. */
  end(socket: Duplex, reason: string): void;
  /** Rejects bytes that are not a request. */
  onClientError(error: Error, socket: Duplex): void;
  close(): void;
};

const body = 'Not Found\n';
const headers = [
  ['Content-Type', 'text/plain'],
  ['Content-Length', String(body.length)],
  ['Connection', 'close'],
] as const;
const lines = ['HTTP/1.1 404 Not Found', ...headers.map((one) => one.join(': '))];
const text = `${lines.join('\r\n')}\r\n\r\n${body}`;

export function createRefuser(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  onRefused: () => void,
): Refuser {
  const refused = new WeakSet<Duplex>();
  const closing = new Map<Duplex, () => void>();

  function count(socket: Duplex, reason: string): void {
    onRefused();
    log('warn', 'request-rejected', { address: addressOf(socket), reason });
  }

  /** Counts a connection that is closed only once. */
  function note(socket: Duplex, reason: string): void {
    if (!refused.has(socket)) count(socket, reason);
    refused.add(socket);
  }

  function answer(request: IncomingMessage, response: ServerResponse, reason: string): void {
    note(request.socket, reason);
    const send = () => {
      response.sendDate = false;
      response.writeHead(404, 'Not Found', headers.flat());
      response.end(body);
    };
    // A peer that waits for 100-continue sends no body before the answer.
    if (request.headers.expect !== undefined) return send();
    drain(request, send);
  }

  function end(socket: Duplex, reason: string): void {
    note(socket, reason);
    if (!socket.writable) return void socket.destroy();
    if (closing.has(socket)) return;
    socket.end(text);
    // A close with unread bytes would reset the connection before the peer reads the answer.
    closing.set(
      socket,
      clock.after(refusalCloseMs, () => socket.destroy()),
    );
    socket.on('close', () => {
      closing.get(socket)?.();
      closing.delete(socket);
    });
    socket.resume();
  }

  function onClientError(error: Error, socket: Duplex): void {
    // The peer closed the connection, so nothing is counted.
    if (['ECONNRESET', 'EPIPE'].includes(codeOf(error))) return void socket.destroy();
    end(socket, reasonOf(error));
  }

  function close(): void {
    for (const socket of closing.keys()) socket.destroy();
  }

  return { count, isOver: (socket) => refused.has(socket), answer, end, onClientError, close };
}

const addressOf = (socket: Duplex) =>
  'remoteAddress' in socket ? String(socket.remoteAddress) : 'unknown';

const reasons = new Map([
  ['HPE_HEADER_OVERFLOW', 'the head is too large'],
  ['HPE_INVALID_EOF_STATE', 'the request ended too early'],
]);
const tlsHandshake = 0x16;

function reasonOf(error: Error): string {
  const packet = 'rawPacket' in error ? error.rawPacket : undefined;
  const isTls = packet instanceof Uint8Array && packet[0] === tlsHandshake;
  if (isTls) return 'a TLS handshake: the listener has no TLS, give an http rvi.network_address';
  return reasons.get(codeOf(error)) ?? `not an HTTP request (${codeOf(error) || error.message})`;
}
