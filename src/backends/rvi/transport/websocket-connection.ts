// One WebSocket connection, from connect to close: text frames, limits in both directions, and the
// heartbeat that detects a dead peer. It ends once, with a reason, and is never reused.
import { WebSocket } from 'ws';
import { callTimeoutMs, messageBytesMax, pingAnswerMs, pingsPendingMax } from '../../../limits.ts';
import { answerFailure } from './answers.ts';
import { closeWords } from './close-messages.ts';
import { failure, failureOf, internal, whoOf } from './errors.ts';
import { guarded } from './guard.ts';
import { startHeartbeat } from './websocket-heartbeat.ts';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Clock } from '../../../host/ports.ts';
import type { WayAgent } from './http-agent.ts';
import type { CallFailure } from './transport.ts';
import type { Heartbeat } from './websocket-heartbeat.ts';

export type LinkHandlers = {
  readonly onOpen: () => void;
  readonly onText: (data: Buffer) => void;
  /** The peer sent something since the last check. */
  readonly onAlive: () => void;
  readonly onEnd: (why: CallFailure) => void;
};

export type Link = {
  isOpen(): boolean;
  send(text: string): void;
  pause(): void;
  resume(): void;
  /** A call got no answer: finds out soon whether the connection still works. */
  doubt(): void;
  end(code: number, why: CallFailure): void;
};

/** Above this size the connection is closed: the node does not read. */
const bufferedBytesMax = 4 * messageBytesMax;
/** `readyState` of an open WebSocket. */
const openState = 1;
/** How much is read of an HTTP answer, of which the log shows the beginning. */
const answerBytesMax = 4_096;

const options = {
  maxPayload: messageBytesMax,
  // A slow connection may split a message into small pieces, but not into single bytes.
  maxFragments: 1_024,
  maxBufferedChunks: 4_096,
  perMessageDeflate: false,
  followRedirects: false,
  skipUTF8Validation: false,
  allowSynchronousEvents: true,
  // `answerPing` answers: the library closes a flooded connection without a reason.
  autoPong: false,
} as const;

/** Throws if the URL is not valid for a WebSocket. */
export function createLink(clock: Clock, url: string, way: WayAgent, handlers: LinkHandlers): Link {
  // No subprotocol: 0.4 answers a request for one incorrectly (protocol 1.9).
  const socket = new WebSocket(url, [], { ...options, agent: way.agent });
  const by = (what: string) =>
    failure('closed', `${url}: this device ended the connection: ${what}`);
  let cause: CallFailure | undefined;
  let wasReset = false;
  let pingsPending = 0;
  let heartbeat: Heartbeat | undefined;
  // Includes the connection through a proxy; the timeout of ws starts after it.
  const stopTimer = after(callTimeoutMs, () => {
    const { through } = way.leg();
    const on = through === undefined ? '' : ` (through ${through})`;
    end(1001, failure('timeout', `${url}: no connection within ${callTimeoutMs} ms${on}`));
  });

  function broke(error: Error): void {
    end(1011, internal(error, url));
  }

  function after(delayMs: number, act: () => void): () => void {
    return clock.after(delayMs, guarded(act, broke));
  }

  function end(code: number, why: CallFailure): void {
    cause ??= why;
    if (isOpen()) socket.close(code);
    // Does not wait for the node to answer the close frame.
    socket.terminate();
  }

  function isOpen(): boolean {
    return socket.readyState === openState;
  }

  function answerPing(data: Buffer): void {
    if (!isOpen()) return;
    if (pingsPending >= pingsPendingMax) {
      return end(1008, by(`the node sent more than ${pingsPendingMax} pings at once`));
    }
    pingsPending += 1;
    socket.pong(data, true, () => (pingsPending -= 1));
  }

  function watch(response: IncomingMessage): void {
    response.socket.on('error', () => (wasReset = true));
    const opened = () => {
      stopTimer();
      heartbeat = startHeartbeat({
        after,
        raw: response.socket,
        isLocal: way.isLocal,
        ping: () => socket.ping(),
        isPaused: () => socket.isPaused,
        onAlive: handlers.onAlive,
        onDead: () => end(1001, by(`${whoOf(way.leg())} sent nothing for ${pingAnswerMs} ms`)),
      });
      handlers.onOpen();
    };
    socket.on('open', guarded(opened, broke));
  }

  function read(data: unknown, isBinary: boolean): void {
    // The library may emit messages after the end that it read before.
    if (!isOpen()) return;
    if (!isBinary && Buffer.isBuffer(data)) handlers.onText(data);
    else end(1003, by('the node sent a frame that is not text'));
  }

  function closed(code: number, reason: Buffer): void {
    stopTimer();
    heartbeat?.stop();
    const words = closeWords(code, reason, whoOf(way.leg()), wasReset);
    handlers.onEnd(cause ?? failure('closed', `${url}: ${words}`));
  }

  function refused(request: ClientRequest, response: IncomingMessage): void {
    void beginOf(response).then((text) => {
      end(1002, answerFailure(response, text, `${url}: no WebSocket there`, 'rvi.url'));
      request.destroy();
    });
  }

  socket.on('upgrade', guarded(watch, broke));
  socket.on('unexpected-response', guarded(refused, broke));
  socket.on('message', guarded(read, broke));
  socket.on('ping', guarded(answerPing, broke));
  // ws has sent a close frame, and would wait half a minute for the answer.
  const failed = (error: Error) => end(1002, failureOf(error, { ...way.leg(), where: url }));
  socket.on('error', guarded(failed, broke));
  socket.on(
    'close',
    guarded(closed, (error) => handlers.onEnd(internal(error, url))),
  );

  return {
    isOpen,
    send: guarded((text: string) => {
      if (socket.bufferedAmount > bufferedBytesMax) end(1008, by('the node does not read'));
      else if (isOpen()) socket.send(text);
    }, broke),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    doubt: guarded(() => {
      if (isOpen()) heartbeat?.doubt();
    }, broke),
    end: guarded(end, () => undefined),
  };
}

async function beginOf(response: IncomingMessage): Promise<string> {
  let text = '';
  try {
    for await (const part of response) {
      const data: Buffer = part;
      text += data.toString();
      if (text.length > answerBytesMax) break;
    }
  } catch {
    // The log shows what was received.
  }
  return text;
}
