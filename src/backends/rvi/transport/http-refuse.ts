// What the listener refuses: one log line with address and reason, one count, one answer that is
// the same for every reason, so that a peer learns nothing from it, and the end of the connection.
import { refusalCloseMs } from '../../../limits.ts';
import { codeOf } from './errors.ts';
import { drain } from './http-body.ts';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock, Log } from '../../../host/ports.ts';

export type Refuser = {
  /** Logs and counts a refusal after which the connection goes on. */
  count(socket: Duplex, reason: string): void;
  /** True after a refusal that ends the connection: what was sent behind it is not looked at. */
  isOver(socket: Duplex): boolean;
  /** Answers a request that was read by Node. */
  answer(request: IncomingMessage, response: ServerResponse, reason: string): void;
  /** Answers a connection on which Node reads no requests (any more). */
  end(socket: Duplex, reason: string): void;
  /** Refuses bytes that are no request, and a request that is not complete in time. */
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

  /** A connection that ends by a refusal is counted once. */
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
    // The peer closed the connection; the agent refused nothing.
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
  ['ERR_HTTP_REQUEST_TIMEOUT', 'the request was not complete in time'],
  ['HPE_INVALID_EOF_STATE', 'the request ended too early'],
]);
const tlsHandshake = 0x16;

function reasonOf(error: Error): string {
  const packet = 'rawPacket' in error ? error.rawPacket : undefined;
  const isTls = packet instanceof Uint8Array && packet[0] === tlsHandshake;
  if (isTls) return 'a TLS handshake: the listener has no TLS, give an http rvi.network_address';
  return reasons.get(codeOf(error)) ?? `no HTTP request (${codeOf(error) || error.message})`;
}
