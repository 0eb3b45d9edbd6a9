// A fake clock and sockets within the process, for the tests of control and commands, so that they
// need no waits.
import type { Clock, DiskFailure, LocalSockets, LocalStream } from '../../src/host/ports.ts';
import type { LocalStreamHandlers } from '../../src/host/ports.ts';
import type { Status } from '../../src/core/status.ts';

export type FakeClock = Clock & {
  /** Runs all timers that become due, and everything that follows from them without a timer. */
  advance(ms: number): Promise<void>;
  /** The number of pending timers. */
  waiting(): number;
  /** The number of moments at which timers ran: how often a device would wake up for them. */
  wakeUps(): number;
};

export function createFakeClock(wallMs = 0): FakeClock {
  let nowMs = 0;
  let timers: readonly { readonly dueMs: number; readonly act: () => void }[] = [];
  let wakeUps = 0;
  let wokenMs = -1;
  return {
    nowMs: () => nowMs,
    wallMs: () => wallMs + nowMs,
    after(delayMs, act) {
      const timer = { dueMs: nowMs + delayMs, act };
      timers = [...timers, timer];
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (;;) {
        const due = timers.filter(({ dueMs }) => dueMs <= untilMs);
        const [first] = due.toSorted((a, b) => a.dueMs - b.dueMs);
        if (first === undefined) break;
        timers = timers.filter((one) => one !== first);
        nowMs = Math.max(nowMs, first.dueMs);
        if (nowMs > wokenMs) wakeUps += 1;
        wokenMs = nowMs;
        first.act();
        await settle();
      }
      nowMs = untilMs;
    },
    waiting: () => timers.length,
    wakeUps: () => wakeUps,
  };
}

/** Runs everything that needs no timer. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

export type FakeSockets = LocalSockets & {
  /** Makes every connect fail like this. */
  refuse(failure: DiskFailure | undefined): void;
  /** Makes every later write of a server hang, as if the client does not read. */
  stall(): void;
  /** The number of pending writes of servers. */
  unread(): number;
};

export function createFakeSockets(): FakeSockets {
  const servers = new Map<string, (stream: LocalStream) => LocalStreamHandlers>();
  let refusal: DiskFailure | undefined;
  let isStalled = false;
  let unread = 0;
  const stalled = (stream: LocalStream): LocalStream => ({
    ...stream,
    write(data) {
      if (!isStalled) return stream.write(data);
      unread += 1;
      return new Promise(() => undefined);
    },
  });
  return {
    refuse(failure) {
      refusal = failure;
    },
    shorten: async (path) => ({ ok: true, value: { path, remove: async () => undefined } }),
    stall() {
      isStalled = true;
    },
    unread: () => unread,
    async connect(path, handlers) {
      await Promise.resolve();
      if (refusal !== undefined) return refusal;
      const accept = servers.get(path);
      if (accept === undefined) {
        return { ok: false, code: 'ENOENT', reason: `connect ENOENT ${path}` };
      }
      return { ok: true, value: join((stream) => accept(stalled(stream)), handlers) };
    },
    async listen(path, accept) {
      await Promise.resolve();
      if (servers.has(path)) return { ok: false, code: 'EADDRINUSE', reason: 'in use' };
      servers.set(path, accept);
      const close = async () => void servers.delete(path);
      return { ok: true, value: { close } };
    },
  };
}

function join(
  accept: (stream: LocalStream) => LocalStreamHandlers,
  near: LocalStreamHandlers,
): LocalStream {
  let isOpen = true;
  const far: { handlers: LocalStreamHandlers | undefined } = { handlers: undefined };
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    queueMicrotask(() => {
      near.onClosed('closed');
      far.handlers?.onClosed('closed');
    });
  };
  const streamTo = (other: () => LocalStreamHandlers | undefined): LocalStream => ({
    async write(data) {
      await Promise.resolve();
      if (!isOpen) return { ok: false, code: 'EPIPE', reason: 'closed' };
      other()?.onData(data);
      return { ok: true, value: undefined };
    },
    // The other end answers an end with its own.
    end: close,
    close,
  });
  far.handlers = accept(streamTo(() => near));
  return streamTo(() => far.handlers);
}

/** Returns an empty status with these fields set. */
export function statusOf(change: Partial<Status> = {}): Status {
  return {
    agent: { version: '1.2.3', uptimeMs: 3_723_000, source: 'daemon' },
    vehicle: { vin: 'V1', uuid: undefined },
    link: { kind: 'up', detail: 'http://127.0.0.1:8901' },
    backend: {
      services: { start: 'b/sota/start', ack: 'b/a', report: 'b/r', packages: 'b/p' },
      servicesFrom: 'notify',
      messages: undefined,
      keepAlive: true,
      learned: { afterStart: undefined, resume: undefined, ack: undefined },
    },
    previousServers: [],
    packages: [],
    reports: [],
    history: [],
    recovered: [],
    counters: { refused: 0, chunksWritten: 0, chunksRepeated: 0 },
    storageError: undefined,
    ...change,
  };
}

export function receiving(
  chunksHeld: number,
  chunksCount = 40,
  name = 'engine',
): Status['packages'][number] {
  return {
    id: { name, version: '2.1' },
    sizeBytes: chunksCount * 65_536,
    update: undefined,
    phase: 'receiving',
    chunksHeld,
    chunksCount,
    installPercent: undefined,
    waitsFor: 'the next chunk',
    next: 'the list is sent again',
    nextInMs: 8_000,
  };
}
