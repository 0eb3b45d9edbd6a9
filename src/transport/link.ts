// One WebSocket connection, from the dial to its end: text frames, bounded both ways, and a ping
// that notices when the other end is gone. It ends once, with a reason; it is never used again.
import { WebSocket } from 'ws';
import { callTimeoutMs, messageBytesMax, pingEveryMs } from '../limits.ts';
import { failure, failureOf } from './failure.ts';
import type { Agent } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../host/ports.ts';
import type { CallFailure } from './transport.ts';

export type LinkHandlers = {
  readonly onOpen: () => void;
  readonly onText: (data: Buffer) => void;
  /** Something came since the last ping. */
  readonly onAlive: () => void;
  readonly onEnd: (why: CallFailure) => void;
};

export type Link = {
  isOpen(): boolean;
  send(text: string): void;
  pause(): void;
  resume(): void;
  end(code: number, why: CallFailure): void;
};

/** A node that does not read is cut off rather than buffered for. */
const bufferedBytesMax = 4 * messageBytesMax;
/** Of `readyState`. */
const openState = 1;

const options = {
  maxPayload: messageBytesMax,
  // A message may come in pieces as small as a slow link makes them, not in single bytes.
  maxFragments: 1_024,
  maxBufferedChunks: 4_096,
  perMessageDeflate: false,
  followRedirects: false,
  skipUTF8Validation: false,
  allowSynchronousEvents: true,
  autoPong: true,
} as const;

export function openLink(clock: Clock, url: string, agent: Agent, handlers: LinkHandlers): Link {
  // No subprotocol: the answer of 0.4 to one is malformed (protocol 1.9).
  const socket = new WebSocket(url, [], { ...options, agent });
  const gone = (reason: string) => failure('closed', `${url}: ${reason}`);
  let cause: CallFailure | undefined;
  // Of the whole way, through a proxy too; ws would begin to count behind it.
  let stopTimer = clock.after(callTimeoutMs, () => {
    end(1001, failure('timeout', `${url}: no connection within ${callTimeoutMs} ms`));
  });

  function end(code: number, why: CallFailure): void {
    cause ??= why;
    if (isOpen()) socket.close(code);
    // A node that does not answer the close is not waited for.
    socket.terminate();
  }

  /** Counts bytes, not frames: a chunk may take longer than this on a slow link. */
  function beat(raw: Socket): void {
    const readBytes = raw.bytesRead;
    const wasPaused = socket.isPaused;
    socket.ping();
    stopTimer = clock.after(pingEveryMs, () => {
      // Nothing can come while we do not read.
      const isExcused = wasPaused || socket.isPaused;
      if (raw.bytesRead > readBytes) handlers.onAlive();
      else if (!isExcused) return end(1001, gone(`nothing came for ${pingEveryMs} ms`));
      beat(raw);
    });
  }

  function isOpen(): boolean {
    return socket.readyState === openState;
  }

  socket.on('upgrade', (response) => {
    socket.on('open', () => {
      stopTimer();
      beat(response.socket);
      handlers.onOpen();
    });
  });
  socket.on('message', (data, isBinary) => {
    // What was read before the end may be handed out after it.
    if (!isOpen()) return;
    if (!isBinary && Buffer.isBuffer(data)) handlers.onText(data);
    else end(1003, gone('a frame that is not text'));
  });
  // ws has said goodbye by then, and would wait half a minute for the answer.
  socket.on('error', (error) => end(1002, causeOf(error, url)));
  socket.on('close', (code) => {
    stopTimer();
    handlers.onEnd(cause ?? gone(`closed by the node (${code})`));
  });

  return {
    isOpen,
    send(text) {
      if (socket.bufferedAmount > bufferedBytesMax) end(1008, gone('the node does not read'));
      else if (isOpen()) socket.send(text);
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end,
  };
}

/** An HTTP answer to a handshake has words but no code. */
function causeOf(error: Error, url: string): CallFailure {
  const { message } = error;
  return message.startsWith('Unexpected server response')
    ? failure('status', `${url}: no WebSocket there: ${message}`)
    : failureOf(error, url);
}
