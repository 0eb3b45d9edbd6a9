// Calls to the node, one POST each over a kept connection. 0.5 nodes take exactly
// `application/json` and nothing behind it (protocol 1.1).
import { request as overTcp } from 'node:http';
import { request as overTls } from 'node:https';
import { messageBytesMax } from '../limits.ts';
import { createAgent } from './agents.ts';
import { codeOf, failure, failureOf } from './failure.ts';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Clock } from '../host/ports.ts';
import type { Way } from './agents.ts';
import type { Call, CallResult } from './transport.ts';

export type Poster = { post(call: Call): Promise<CallResult>; close(): void };

/** Bursts share a connection; one that rested longer may have been dropped on the way, unseen. */
const idleMsMax = 5_000;

type Attempt = { readonly result: CallResult; readonly isStale: boolean };

export function createPoster(clock: Clock, way: Way): Poster {
  const target = new URL(way.url);
  // One connection, so that calls stay in order.
  const agent = createAgent(clock, way, { keepAlive: true, maxSockets: 1, timeout: idleMsMax });
  const request = target.protocol === 'https:' ? overTls : overTcp;

  function attempt({ text, timeLimitMs }: Call): Promise<Attempt> {
    return new Promise((resolve) => {
      const body = Buffer.from(text);
      const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
      const sent = request(target, { method: 'POST', agent, headers });
      const wasUnanswered = watchAnswer(sent);
      const cancel = clock.after(timeLimitMs, () => {
        settle(failure('timeout', `${target.origin}: no answer within ${timeLimitMs} ms`));
        sent.destroy();
      });
      const settle = (result: CallResult, isStale = false) => {
        cancel();
        resolve({ result, isStale });
      };
      sent.on('response', (response) => {
        void readAnswer(response, target.origin).then((result) => settle(result));
      });
      sent.on('error', (error) => {
        settle(failureOf(error, target.origin), wasUnanswered() && isReset(error));
      });
      sent.end(body);
    });
  }

  /**
   * The node may close a kept connection just when a call sets out on it. That call goes out again
   * on a fresh one, once, and only where the connection had served before and ended without a byte
   * of an answer. A node that crashes over a call looks the same (protocol 1.7) and gets it twice;
   * any other failure is not repeated here: a second ack would double the stream (protocol 2.4).
   */
  async function post(call: Call): Promise<CallResult> {
    const startMs = clock.nowMs();
    const first = await attempt(call);
    if (!first.isStale) return first.result;
    const timeLimitMs = Math.max(1, startMs + call.timeLimitMs - clock.nowMs());
    return (await attempt({ ...call, timeLimitMs })).result;
  }

  return { post, close: () => agent.destroy() };
}

/** Tells later whether a kept connection has brought nothing since the call was put on it. */
function watchAnswer(sent: ClientRequest): () => boolean {
  let wasUnanswered = () => false;
  sent.on('socket', (socket) => {
    const readBytes = socket.bytesRead;
    wasUnanswered = () => sent.reusedSocket && socket.bytesRead === readBytes;
  });
  return () => wasUnanswered();
}

function isReset(error: Error): boolean {
  return ['ECONNRESET', 'EPIPE'].includes(codeOf(error));
}

async function readAnswer(response: IncomingMessage, where: string): Promise<CallResult> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const part of response) {
      const data: Buffer = part;
      sizeBytes += data.length;
      // Leaving the loop destroys the response and its connection.
      if (sizeBytes > messageBytesMax) {
        return failure('too-large', `${where}: an answer of more than ${messageBytesMax} bytes`);
      }
      parts.push(data);
    }
  } catch (error) {
    return failureOf(error instanceof Error ? error : new Error(String(error)), where);
  }
  const text = Buffer.concat(parts).toString();
  if (response.statusCode === 200) return { ok: true, text };
  return failure('status', `${where}: HTTP status ${response.statusCode}: ${text.slice(0, 200)}`);
}
