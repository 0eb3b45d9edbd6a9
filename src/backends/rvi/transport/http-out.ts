// Sends calls to the node, each as one POST over a kept connection. 0.5 nodes accept the content
// type `application/json` only without parameters (protocol 1.1).
import { request as overTcp } from 'node:http';
import { request as overTls } from 'node:https';
import { messageBytesMax } from '../../../limits.ts';
import { createAgent } from './http-agent.ts';
import { answerFailure, jsonIn } from './answers.ts';
import { codeOf, failure, failureOf, internal, whoOf } from './errors.ts';
import { guarded } from './guard.ts';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../../host/ports.ts';
import type { Way } from './http-agent.ts';
import type { Leg } from './errors.ts';
import type { Call, CallResult } from './transport.ts';

export type Poster = {
  /** Calls `onSent` after the whole request was sent. */
  post(call: Call, onSent?: () => void): Promise<CallResult>;
  close(): void;
};

/** Bursts share a connection. A router may drop a longer idle one, and neither end notices. */
const idleMsMax = 5_000;

type Attempt = { readonly result: CallResult; readonly isStale: boolean };

export function createPoster(clock: Clock, way: Way): Poster {
  const target = new URL(way.url);
  // One connection, so that calls stay in order.
  const options = { keepAlive: true, maxSockets: 1, timeout: idleMsMax };
  const { agent, leg } = createAgent(clock, way, options);
  const request = target.protocol === 'https:' ? overTls : overTcp;

  function attempt({ text, timeLimitMs }: Call, onSent?: () => void): Promise<Attempt> {
    return new Promise((resolve) => {
      let sent: ClientRequest | undefined;
      const settle = (result: CallResult, isStale = false) => {
        cancel();
        resolve({ result, isStale });
      };
      const broke = (error: Error) => {
        settle(internal(error, target.origin));
        sent?.destroy();
      };
      let phaseOf = () => 'connection';
      const cancel = clock.after(timeLimitMs, () => {
        const reason = `no ${phaseOf()} within ${timeLimitMs} ms`;
        settle(failure('timeout', `${target.origin}: ${reason}${throughOf(leg())}`));
        sent?.destroy();
      });
      guarded(() => {
        const body = Buffer.from(text);
        const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
        sent = request(target, { method: 'POST', agent, headers });
        const wasUnanswered = watchAnswer(sent);
        phaseOf = watchPhase(sent);
        sent.on('response', (response) => {
          guarded(readAnswer, broke)(response, leg(), settle, broke);
        });
        sent.on(
          'error',
          guarded((error: Error) => {
            settle(failureOf(error, leg()), wasUnanswered() && isReset(error));
          }, broke),
        );
        if (onSent !== undefined) sent.on('finish', onSent);
        sent.end(body);
      }, broke)();
    });
  }

  /**
   * The node may close a kept connection while a call is sent on it. Such a call is sent again on a
   * new connection, once. The old one must have been reused, and have ended without a byte of an
   * answer. A node that crashes over a call looks the same (protocol 1.7), and receives the call
   * twice. Any other failure is not retried here: a second ack would double the stream (protocol
   * 2.4).
   */
  async function post(call: Call, onSent?: () => void): Promise<CallResult> {
    const startMs = clock.nowMs();
    const first = await attempt(call, onSent);
    if (!first.isStale) return first.result;
    const timeLimitMs = Math.max(1, startMs + call.timeLimitMs - clock.nowMs());
    return (await attempt({ ...call, timeLimitMs }, onSent)).result;
  }

  return { post, close: () => agent.destroy() };
}

const throughOf = ({ through }: Leg) => (through === undefined ? '' : ` (through ${through})`);

/** Returns a function: true if a reused connection received nothing since the call was sent. */
function watchAnswer(sent: ClientRequest): () => boolean {
  let wasUnanswered = () => false;
  sent.on('socket', (socket) => {
    const readBytes = socket.bytesRead;
    wasUnanswered = () => sent.reusedSocket && socket.bytesRead === readBytes;
  });
  return () => wasUnanswered();
}

/** Returns a function that names the phase for which the call waits. */
function watchPhase(sent: ClientRequest): () => string {
  let phase = 'connection';
  sent.on('socket', (socket: Socket & { readonly encrypted?: boolean }) => {
    const isSecure = socket.encrypted === true;
    const connected = () => (phase = isSecure ? 'TLS handshake' : 'answer');
    if (sent.reusedSocket) phase = 'answer';
    else if (socket.connecting) socket.once('connect', connected);
    else connected();
    if (isSecure) socket.once('secureConnect', () => (phase = 'answer'));
  });
  return () => phase;
}

function isReset(error: Error): boolean {
  return ['ECONNRESET', 'EPIPE'].includes(codeOf(error));
}

/** Reads by events: the iterator of the response would take a tenth of the CPU time of a call. */
function readAnswer(
  response: IncomingMessage,
  leg: Leg,
  settle: (result: CallResult) => void,
  broke: (error: Error) => void,
): void {
  const { where } = leg;
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  response.on('data', (part: Buffer) => {
    sizeBytes += part.length;
    if (sizeBytes <= messageBytesMax) return void parts.push(part);
    settle(failure('too-large', `${where}: an answer of more than ${messageBytesMax} bytes`));
    response.destroy();
  });
  const ended = () => {
    const text = Buffer.concat(parts).toString();
    const json = response.statusCode === 200 ? jsonIn(text) : undefined;
    if (json !== undefined) return settle({ ok: true, text: json });
    settle(answerFailure(response, text, where, 'rvi.url'));
  };
  response.on('end', guarded(ended, broke));
  response.on('error', (error) => {
    if (codeOf(error) !== 'ECONNRESET') return settle(failureOf(error, leg));
    settle(failure('closed', `${where}: ${whoOf(leg)} ended the connection within its answer`));
  });
}
