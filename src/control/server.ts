// The control socket of the daemon: answers `status`, `accept` and the like, and streams to
// `watch`. A peer may send anything, stop reading or never leave: each is bounded, none disturbs
// the agent.
import { unreachable } from '../assert.ts';
import {
  controlConnectionsMax,
  controlCloseGraceMs,
  controlCloseGraceMax,
  controlIdleMs,
  controlLineBytesMax,
  watchEveryMs,
} from '../limits.ts';
import { createLines } from './line-reader.ts';
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
import type { Answer, ControlRequest, ControlResponse } from './protocol.ts';
import type { PackagesAnswer, Rejection } from './protocol.ts';

export type ControlHandlers = {
  status(): Status;
  accept(name: string, version: string | undefined): Promise<Answer>;
  decline(name: string, version: string | undefined): Promise<Answer>;
  inventory(): Promise<PackagesAnswer>;
  renewPath(): Promise<Answer>;
  /** Calls `listener` after each change of what `status` gives; the returned function ends that. */
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
  const parting = new Set<LocalStream>();
  const accept = (stream: LocalStream) => {
    if (parting.size >= controlCloseGraceMax) {
      stream.close();
      return { onData: () => undefined, onClosed: () => undefined };
    }
    if (streams.size >= controlConnectionsMax) {
      parting.add(stream);
      return turnAway(ports.clock, stream, () => parting.delete(stream));
    }
    streams.add(stream);
    return serve(ports, handlers, stream, () => streams.delete(stream));
  };
  const listening = await ports.sockets.listen(path, accept, group);
  if (!listening.ok) return listening;
  const close = async () => {
    for (const stream of [...streams, ...parting]) stream.close();
    await listening.value.close();
  };
  return { ok: true, value: { close } };
}

function turnAway(clock: Clock, stream: LocalStream, onGone: () => void): LocalStreamHandlers {
  const reason = `${controlConnectionsMax} connections are open already: try again`;
  const cancel = sayLast(clock, stream, { ok: false, code: 'busy', reason });
  const onClosed = () => {
    cancel();
    onGone();
  };
  return { onData: () => undefined, onClosed };
}

function sayLast(clock: Clock, stream: LocalStream, response: ControlResponse): () => void {
  void stream.write(encodeLine(response)).then(() => stream.end());
  return clock.after(controlCloseGraceMs, () => stream.close());
}

const tooLong = {
  ok: false,
  code: 'too-long',
  reason: `more than ${controlLineBytesMax} bytes wait: one request, then its answer`,
} as const;

/** One peer. `say` is always awaited: never more than one line waits to be read by it. */
function serve(
  { clock, log }: ControlPorts,
  handlers: ControlHandlers,
  stream: LocalStream,
  onGone: () => void,
): LocalStreamHandlers {
  const lines = createLines(controlLineBytesMax);
  let isBusy = false;
  let isGone = false;
  let isParting = false;
  let isAll = false;
  let unwatch: (() => void) | undefined;
  let quiet = clock.after(controlIdleMs, () => stream.close());

  const isDone = () => isGone || isParting || unwatch !== undefined;
  const next = () => (isDone() ? undefined : lines.take());
  const wait = () => {
    quiet();
    quiet = clock.after(controlIdleMs, () => stream.close());
  };
  const say = async (response: ControlResponse) => {
    if (isGone) return;
    wait();
    const written = await stream.write(encodeLine(response));
    if (!written.ok) stream.close();
    // Who watches may be silent for days, as long as it reads.
    if (unwatch !== undefined) quiet();
  };
  const follow = async (line: Uint8Array) => {
    const request = decodeRequest(line);
    if (!request.ok) {
      // HTTP, or another protocol: a later line of it must not be taken for a request.
      if (request.code === 'bad-json') return part(request);
      log('debug', 'control-request-invalid', { code: request.code });
      return say(request);
    }
    if (request.value.command !== 'watch') return say(await answer(handlers, request.value));
    unwatch = watch(clock, handlers, (status) => say({ ok: true, status }));
  };
  const work = async () => {
    if (isBusy || isParting) return;
    isBusy = true;
    for (let line = next(); line !== undefined; line = next()) await follow(line);
    isBusy = false;
    if (isGone || isParting) return;
    if (lines.isOver()) part(tooLong);
    else if (isAll) stream.end();
  };
  const part = (refusal: Rejection) => {
    log('debug', 'control-request-invalid', { code: refusal.code });
    isParting = true;
    quiet();
    quiet = sayLast(clock, stream, refusal);
  };
  return {
    onData: (data) => {
      if (isDone()) return;
      wait();
      lines.push(data);
      void work();
    },
    // Not before all that it asked is answered.
    onEnd: () => {
      isAll = true;
      void work();
    },
    onClosed: () => {
      isGone = true;
      quiet();
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
    case 'packages':
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

/** Says the status now and after changes: one each `watchEveryMs`, none before one was read. */
function watch(
  clock: Clock,
  handlers: ControlHandlers,
  say: (status: Status) => Promise<void>,
): () => void {
  let isDue = false;
  let isSaying = false;
  let isOver = false;
  let cancel: (() => void) | undefined;

  const tell = async () => {
    isDue = false;
    isSaying = true;
    const pause = clock.nowMs() + watchEveryMs;
    await say(handlers.status());
    isSaying = false;
    if (isOver) return;
    cancel = clock.after(Math.max(0, pause - clock.nowMs()), () => {
      cancel = undefined;
      if (isDue) void tell();
    });
  };
  const unsubscribe = handlers.onChange(() => {
    isDue = true;
    if (!isSaying && cancel === undefined) void tell();
  });
  void tell();
  return () => {
    isOver = true;
    cancel?.();
    unsubscribe();
  };
}
