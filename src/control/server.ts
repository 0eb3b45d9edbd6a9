// The control socket of the daemon: answers commands such as `status` and `accept`, and sends
// updates to `watch`. A peer may send anything, stop reading, or stay connected: each case is
// bounded, and none delays the agent.
import { unreachable } from '../assert.ts';
import {
  controlConnectionsMax,
  controlCloseGraceMs,
  controlCloseGraceMax,
  controlIdleMs,
  controlLineBytesMax,
  watchEveryMs,
} from '../limits.ts';
import { createLineReader } from './line-reader.ts';
import { decodeRequest, encodeLine } from './protocol.ts';
import type { Status } from '../core/status.ts';
import type {
  Clock,
  DiskResult,
  LocalSockets,
  LocalStream,
  LocalStreamHandlers,
  Log,
} from '../host/ports.ts';
import type { CommandAnswer, ControlRequest, ControlResponse } from './protocol.ts';
import type { InventoryAnswer, Rejection } from './protocol.ts';

export type ControlHandlers = {
  status(): Status;
  accept(name: string, version: string | undefined): Promise<CommandAnswer>;
  decline(name: string, version: string | undefined): Promise<CommandAnswer>;
  inventory(): Promise<InventoryAnswer>;
  renewPath(): Promise<CommandAnswer>;
  /** Calls `listener` after each change of the status; the returned function unsubscribes. */
  onChange(listener: () => void): () => void;
};

export type ControlPorts = {
  readonly sockets: LocalSockets;
  readonly clock: Clock;
  readonly log: Log;
};

export type ControlServer = { close(): Promise<void> };

export async function startControl(
  ports: ControlPorts,
  path: string,
  handlers: ControlHandlers,
  group?: string,
): Promise<DiskResult<ControlServer>> {
  const streams = new Set<LocalStream>();
  const closing = new Set<LocalStream>();
  const accept = (stream: LocalStream) => {
    if (closing.size >= controlCloseGraceMax) {
      stream.close();
      return { onData: () => undefined, onClosed: () => undefined };
    }
    if (streams.size >= controlConnectionsMax) {
      closing.add(stream);
      return rejectBusy(ports.clock, stream, () => closing.delete(stream));
    }
    streams.add(stream);
    return servePeer(ports, handlers, stream, () => streams.delete(stream));
  };
  const listening = await ports.sockets.listen(path, accept, group);
  if (!listening.ok) return listening;
  const close = async () => {
    for (const stream of [...streams, ...closing]) stream.close();
    await listening.value.close();
  };
  return { ok: true, value: { close } };
}

function rejectBusy(clock: Clock, stream: LocalStream, onGone: () => void): LocalStreamHandlers {
  const reason = `${controlConnectionsMax} connections are open: try again later`;
  const cancel = sendAndClose(clock, stream, { ok: false, code: 'busy', reason });
  const onClosed = () => {
    cancel();
    onGone();
  };
  return { onData: () => undefined, onClosed };
}

/** Ends the connection after the response; closes it if the peer does not read in time. */
function sendAndClose(clock: Clock, stream: LocalStream, response: ControlResponse): () => void {
  void stream.write(encodeLine(response)).then(() => stream.end());
  return clock.after(controlCloseGraceMs, () => stream.close());
}

const tooLong = {
  ok: false,
  code: 'too-long',
  reason: `more than ${controlLineBytesMax} bytes: send one request, then read its answer`,
} as const;

/** Serves one peer. Each `send` is awaited, so that at most one line waits for the peer. */
function servePeer(
  { clock, log }: ControlPorts,
  handlers: ControlHandlers,
  stream: LocalStream,
  onGone: () => void,
): LocalStreamHandlers {
  const lines = createLineReader(controlLineBytesMax);
  let isBusy = false;
  let isGone = false;
  let isClosing = false;
  let isEnded = false;
  let unwatch: (() => void) | undefined;
  let cancelIdle = clock.after(controlIdleMs, () => stream.close());

  const isDone = () => isGone || isClosing || unwatch !== undefined;
  const next = () => (isDone() ? undefined : lines.take());
  const restartIdle = () => {
    cancelIdle();
    cancelIdle = clock.after(controlIdleMs, () => stream.close());
  };
  const send = async (response: ControlResponse) => {
    if (isGone) return;
    restartIdle();
    const written = await stream.write(encodeLine(response));
    if (!written.ok) stream.close();
    // A `watch` peer that reads may send nothing for days.
    if (unwatch !== undefined) cancelIdle();
  };
  const handle = async (line: Uint8Array) => {
    const request = decodeRequest(line);
    if (!request.ok) {
      // HTTP or another protocol: the agent must not read one of its later lines as a request.
      if (request.code === 'bad-json') return refuse(request);
      log('debug', 'control-request-invalid', { code: request.code });
      return send(request);
    }
    if (request.value.command !== 'watch') return send(await answer(handlers, request.value));
    unwatch = watch(clock, handlers, (status) => send({ ok: true, status }));
  };
  const work = async () => {
    if (isBusy || isClosing) return;
    isBusy = true;
    for (let line = next(); line !== undefined; line = next()) await handle(line);
    isBusy = false;
    if (isGone || isClosing) return;
    if (lines.isTooLong()) refuse(tooLong);
    else if (isEnded) stream.end();
  };
  const refuse = (refusal: Rejection) => {
    log('debug', 'control-request-invalid', { code: refusal.code });
    isClosing = true;
    cancelIdle();
    cancelIdle = sendAndClose(clock, stream, refusal);
  };
  return {
    onData: (data) => {
      if (isDone()) return;
      restartIdle();
      lines.push(data);
      void work();
    },
    // The connection ends after all requests are answered.
    onEnd: () => {
      isEnded = true;
      void work();
    },
    onClosed: () => {
      isGone = true;
      cancelIdle();
      unwatch?.();
      onGone();
    },
  };
}

async function answer(
  handlers: ControlHandlers,
  request: ControlRequest,
): Promise<ControlResponse> {
  switch (request.command) {
    case 'status':
    case 'why':
    case 'watch':
      return { ok: true, status: handlers.status() };
    case 'inventory':
      return handlers.inventory();
    case 'renew-path':
      return handlers.renewPath();
    case 'accept':
      return handlers.accept(request.name, request.version);
    case 'decline':
      return handlers.decline(request.name, request.version);
    default:
      return unreachable(request);
  }
}

/**
 * Sends the status at once and after changes: at most one each `watchEveryMs`, and none before the
 * peer has read the previous one.
 */
function watch(
  clock: Clock,
  handlers: ControlHandlers,
  send: (status: Status) => Promise<void>,
): () => void {
  let isDue = false;
  let isSending = false;
  let isOver = false;
  let cancel: (() => void) | undefined;

  const sendStatus = async () => {
    isDue = false;
    isSending = true;
    const nextMs = clock.nowMs() + watchEveryMs;
    await send(handlers.status());
    isSending = false;
    if (isOver) return;
    cancel = clock.after(Math.max(0, nextMs - clock.nowMs()), () => {
      cancel = undefined;
      if (isDue) void sendStatus();
    });
  };
  const unsubscribe = handlers.onChange(() => {
    isDue = true;
    if (!isSending && cancel === undefined) void sendStatus();
  });
  void sendStatus();
  return () => {
    isOver = true;
    cancel?.();
    unsubscribe();
  };
}
