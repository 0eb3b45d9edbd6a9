// The policy without the agent's event loop: decides and folds each event at once, as after a
// commit, and records the decisions. The test sets the clock.
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { readSettings } from '../../src/config.ts';
import { policy } from '../../src/agent/backend.ts';
import { serverView } from '../../src/backends/rvi/connection.ts';
import { keyOf } from '../../src/core/decision-helpers.ts';
import { activityOf, describe } from '../../src/core/status-view.ts';
import { chunkBytes } from '../../src/limits.ts';
import type { Decision, Effect, Event, Fact, State } from '../../src/agent/backend.ts';
import type { Request } from '../../src/backends/rvi/messages.ts';
import type { Receiving, Reporting, RviState, Starting } from '../../src/backends/rvi/model.ts';
import type { Package, PackageId, State as CoreState, Update } from '../../src/core/model.ts';
import type { Status } from '../../src/core/status.ts';
import type { DialectContext } from '../../src/backends/rvi/codec/dialects.ts';
import type { Settings } from '../../src/settings.ts';

export const settings = defaults();

function defaults(): Settings {
  const read = readSettings({ file: '', text: undefined, environment: {} });
  if (!read.ok) throw new Error('the defaults are refused');
  const { installer } = read.settings;
  return { ...read.settings, installer: { ...installer, maxAttempts: 3, timeoutMs: 60_000 } };
}

export const asking: Settings = {
  ...settings,
  policy: { consent: 'required', dependencies: 'ask' },
};

export const names = {
  notify: 'genivi.org/vin/VIN45678901234567/sota/notify',
  start: 'genivi.org/vin/VIN45678901234567/sota/start',
  chunk: 'genivi.org/vin/VIN45678901234567/sota/chunk',
  finish: 'genivi.org/vin/VIN45678901234567/sota/finish',
  getpackages: 'genivi.org/vin/VIN45678901234567/sota/getpackages',
  abort: 'genivi.org/vin/VIN45678901234567/sota/abort',
};

/** For a node that has not sent the vehicle's prefix. */
export const hints: DialectContext = {
  messages: 'auto',
  device: settings.device,
  learned: undefined,
  names: undefined,
};

export const backend = {
  start: 'genivi.org/backend/sota/start',
  ack: 'genivi.org/backend/sota/ack',
  report: 'genivi.org/backend/sota/report',
  packages: 'genivi.org/backend/sota/packages',
};

export const ghc: PackageId = { name: 'ghc', version: '7.6.2' };
export const vim: PackageId = { name: 'vim', version: '8.0.1' };

/** The chunks are zeros; the last one has 100 bytes. */
export const lastBytes = 100;
export const dataOf = (index: number, count: number) =>
  new Uint8Array(index === count ? lastBytes : chunkBytes);
export function sumOf(count: number): string {
  const sizeBytes = count === 0 ? 0 : (count - 1) * chunkBytes + lastBytes;
  return createHash('sha1').update(new Uint8Array(sizeBytes)).digest('hex');
}

export type Notify = Extract<Request, { readonly kind: 'notify' }>;

export const offer = (...ids: readonly PackageId[]): Notify => ({
  kind: 'notify',
  offers: ids.map((id) => ({ id, sizeBytes: 1_000 })),
  refused: [],
  services: backend,
  dialect: 'P1',
});
/** An update as a server of P2 or P3 offers it. */
export const updateOf = (isConfirmationWanted: boolean): Update => ({
  signature: 'first',
  description: 'maps of 2016',
  isConfirmationWanted,
});
export const offerUpdate = (id: PackageId, isConfirmationWanted = false): Notify => ({
  ...offer(),
  offers: [{ id, sizeBytes: 1_000, update: updateOf(isConfirmationWanted) }],
  dialect: 'P3',
});

export const startOf = (id: PackageId, count: number, checksum = sumOf(count)) =>
  ({ kind: 'start', id, checksum, chunksCount: count }) as const;
export const chunkOf = (id: PackageId, index: number, count: number): Request => ({
  kind: 'chunk',
  id,
  chunkIndex: index,
  data: dataOf(index, count),
});

export type AnyExchange = { readonly phase?: string } & Partial<
  Omit<Receiving, 'phase'> & Omit<Reporting, 'phase'> & Omit<Starting, 'phase'>
>;

export type Core = {
  nowMs: number;
  /** The fields of both halves in one object. */
  readonly state: () => State & CoreState & RviState;
  /** All facts since the beginning. */
  readonly facts: readonly Fact[];
  act(event: Event): Decision;
  ask(request: Request): Decision;
  /** Advances the clock; runs every deadline up to then. */
  wait(ms: number): readonly Effect[];
  phase(id: PackageId): string | undefined;
  one(id: PackageId): Package | undefined;
  /** The runtime data of a package in any phase, of the core and of the backend. */
  running(id: PackageId): AnyExchange & Ongoing;
};

/** Returns the exchange about a package in any phase. */
export function exchangeOf({ exchanges }: RviState, id: PackageId): AnyExchange {
  const found = exchanges.get(keyOf(id));
  return found === undefined || found.phase === 'offered' ? {} : found;
}

export type Ongoing = {
  readonly activity?: ReturnType<typeof activityOf>;
  readonly percent?: number | undefined;
};

function ongoingOf(one: Package | undefined): Ongoing {
  if (one === undefined) return {};
  const percent = one.phase.kind === 'installing' ? one.phase.now.percent : undefined;
  return { activity: activityOf(one), percent };
}

type Parts = Partial<CoreState & RviState>;

/** Returns the state with some fields of its halves replaced. */
export function withParts({ core, backend }: State, parts: Parts): State {
  const of = (half: object) =>
    Object.fromEntries(Object.entries(parts).filter(([name]) => name in half));
  return { core: { ...core, ...of(core) }, backend: { ...backend, ...of(backend) } };
}

/** Returns the part of the state that a reboot must not change. */
export function durableOf({ core, backend }: State) {
  const { history, nextOrder, packages } = core;
  const { server, previousServers, origins, inventoryRequest } = backend;
  const isListing = inventoryRequest !== undefined;
  const kept = [...packages].map(([key, one]) => [key, withoutBoot(one)] as const);
  const lists = { packages: new Map(kept), origins, history: [...history] };
  return { ...lists, server, previousServers, nextOrder, isListing };
}

/** Returns a package without the data that a boot removes. */
function withoutBoot(one: Package) {
  return { ...one, phase: { ...one.phase, now: undefined, reservation: undefined } };
}

/** Returns the status as `status` prints it. */
export function statusOf(
  core: Core,
  source: 'daemon' | 'flash' = 'daemon',
  own = settings,
): Status {
  const { nowMs } = core;
  const state = core.state();
  const view = serverView(own, state, nowMs);
  const unknown = { vin: undefined, uuid: undefined, storageError: undefined };
  const around = { version: '1', uptimeMs: 5, nowMs, source, ...unknown };
  return describe(state.core, view, policy.deadlines(state), around);
}

export function createCore(
  own: Settings = settings,
  from: State = policy.initial,
  roll = 0.5,
): Core {
  let state = from;
  const facts: Fact[] = [];
  const core: Core = {
    nowMs: 1_000,
    state: () => ({ ...state, ...state.core, ...state.backend }),
    facts,
    act(event) {
      const moment = { nowMs: core.nowMs, random: roll };
      const { decided, next } = policy.step(own, state, event, moment);
      // The replay of the journal sees the facts only, so their fold must lead to the same state.
      const folded = policy.applyAll(state, decided.facts, decided.notes);
      if (!isDeepStrictEqual(next, folded)) throw new Error(`${event.kind}: two states`);
      state = next;
      facts.push(...decided.facts);
      return decided;
    },
    ask: (request) => core.act({ kind: 'request', request }),
    wait(ms) {
      const effects: Effect[] = [];
      const endMs = core.nowMs + ms;
      for (let ticks = 0; ticks < 100_000; ticks++) {
        const dueMs = policy.nextDueMs(state);
        if (dueMs === undefined || dueMs > endMs) {
          core.nowMs = endMs;
          return effects;
        }
        core.nowMs = Math.max(core.nowMs, dueMs);
        effects.push(...core.act({ kind: 'tick' }).effects);
      }
      throw new Error('it ticks without end');
    },
    phase: (id) => state.core.packages.get(keyOf(id))?.phase.kind,
    one: (id) => state.core.packages.get(keyOf(id)),
    running: (id) => ({ ...exchangeOf(state.backend, id), ...ongoingOf(core.one(id)) }),
  };
  return core;
}

/** Returns a core that is booted and registered, and has offers for these packages. */
export function createLinked(own: Settings = settings, ...ids: readonly PackageId[]): Core {
  const core = createCore(own);
  core.act({ kind: 'booted', bootId: 'boot-1', payloads: [] });
  link(core);
  if (ids.length > 0) core.ask(offer(...ids));
  return core;
}

export function link(core: Core): void {
  core.act({ kind: 'transport-up' });
  core.act({ kind: 'registered', names, vin: 'VIN45678901234567', found: undefined });
}

/** Runs the server's start; there is enough space. */
export function open(core: Core, id: PackageId, count: number, checksum = sumOf(count)): Decision {
  const start = startOf(id, count, checksum);
  const asked = core.ask(start);
  return core.act({ kind: 'reserved', start, number: numberIn(asked) });
}

export function numberIn(decided: Decision): number {
  const reserve = only(decided.effects, 'reserve');
  return reserve?.number ?? 0;
}

/** Receives the chunks 1 to `upTo`, of `count`. */
export function receive(core: Core, id: PackageId, upTo: number, count: number): void {
  for (let index = 1; index <= upTo; index++) core.ask(chunkOf(id, index, count));
}

/** Runs up to a verified payload, before the installer starts. */
export function complete(core: Core, id: PackageId, count: number, sha1 = sumOf(count)): Decision {
  receive(core, id, count, count);
  core.ask({ kind: 'finish', id });
  return core.act({ kind: 'hashed', number: transferNumber(core, id), sha1 });
}

export function transferNumber(core: Core, id: PackageId): number {
  const phase = core.one(id)?.phase;
  return phase !== undefined && 'transfer' in phase ? phase.transfer.number : 0;
}

/** Runs up to the running installer. */
export function install(core: Core, id: PackageId, count = 2): Decision {
  open(core, id, count);
  complete(core, id, count);
  const number = transferNumber(core, id);
  return core.act({ kind: 'prepared', id, number, installer: 'opkg', before: '{}' });
}

/** Runs up to the outcome; the report is due. */
export function settle(core: Core, id: PackageId, isGood = true, count = 2): Decision {
  install(core, id, count);
  const verdict = isGood
    ? ({ kind: 'installed', description: 'there' } as const)
    : ({ kind: 'failed', code: 'install-failed', description: 'no' } as const);
  return core.act({ kind: 'install-ended', id, verdict });
}

export function kinds(effects: readonly Effect[]): readonly string[] {
  return effects.map(({ kind }) => kind).filter((kind) => kind !== 'log');
}

export function codes(effects: readonly Effect[]): readonly string[] {
  return effects.flatMap((effect) => (effect.kind === 'log' ? [effect.code] : []));
}

export function only<K extends Effect['kind']>(
  effects: readonly Effect[],
  kind: K,
): Extract<Effect, { readonly kind: K }> | undefined {
  const isIt = (one: Effect): one is Extract<Effect, { readonly kind: K }> => one.kind === kind;
  return effects.find(isIt);
}
