// A server on a virtual clock, and a vehicle whose messages the test chooses.
import { packageOf } from './package.ts';
import { createServer } from './server.ts';
import { isBody } from './dialect.ts';
import type { PackageId, ServerPackage } from './package.ts';
import type { ServerKind } from './server-rules.ts';
import type { Server, ServerOptions } from './server.ts';

export type VirtualClock = {
  nowMs(): number;
  after(delayMs: number, act: () => void): () => void;
  /** Advances the clock, and runs everything that becomes due. */
  pass(durationMs: number): void;
};

type Timer = { readonly dueMs: number; readonly act: () => void };

export function createVirtualClock(): VirtualClock {
  const timers = new Set<Timer>();
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    after(delayMs, act) {
      const timer = { dueMs: nowMs + delayMs, act };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    pass(durationMs) {
      const endMs = nowMs + durationMs;
      for (;;) {
        const due = [...timers].filter(({ dueMs }) => dueMs <= endMs);
        const [next] = due.sort((a, b) => a.dueMs - b.dueMs);
        if (next === undefined) break;
        timers.delete(next);
        nowMs = next.dueMs;
        next.act();
      }
      nowMs = endMs;
    },
  };
}

export const vin = 'V1234567890123456';
const prefix = 'genivi.org/vin/V1234567890123456/sota';
const services = Object.fromEntries(
  ['start', 'chunk', 'finish', 'getpackages', 'abort'].map((name) => [name, `${prefix}/${name}`]),
);

export const startOf = (...packages: readonly PackageId[]) => [{ vin, packages, services }];
export const ackOf = (id: PackageId, chunks: readonly unknown[]) => [{ vin, package: id, chunks }];
export const reportOf = (id: PackageId, status = true) => [
  { vin, package: id, status, description: 'done' },
];

/** A package of `chunksCount` chunks, the last of one byte; without chunks it is empty. */
export function packageOfChunks(name: string, chunksCount: number, version = '1.2.3') {
  const sizeBytes = chunksCount === 0 ? 0 : (chunksCount - 1) * 65_536 + 1;
  return packageOf({ name, version }, Buffer.alloc(sizeBytes, name));
}

export type Rig = {
  readonly server: Server;
  readonly clock: VirtualClock;
  /** The messages since the last call, in short: `chunk 3`, `start`, `abort`. */
  came(): readonly string[];
  start(...packages: readonly ServerPackage[]): void;
  ack(one: ServerPackage, chunks: readonly unknown[]): void;
  report(one: ServerPackage, status?: boolean): void;
};

export function createRig(kind: ServerKind, options: Partial<ServerOptions> = {}): Rig {
  const clock = createVirtualClock();
  let sent: string[] = [];
  const server = createServer(
    { kind, prefix: 'genivi.org/backend', ...options },
    {
      now: clock.nowMs,
      after: clock.after,
      send: (service, [head]) => {
        const index = isBody(head) ? head['index'] : undefined;
        const name = service.replace('/sota/', '');
        sent.push(typeof index === 'number' ? `${name} ${index}` : name);
      },
    },
  );
  return {
    server,
    clock,
    came: () => {
      const came = sent;
      sent = [];
      return came;
    },
    start: (...packages) => server.receive('/sota/start', startOf(...packages.map(({ id }) => id))),
    ack: ({ id }, chunks) => server.receive('/sota/ack', ackOf(id, chunks)),
    report: ({ id }, status) => server.receive('/sota/report', reportOf(id, status)),
  };
}
