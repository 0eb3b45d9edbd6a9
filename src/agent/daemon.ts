// One life of the agent, from the journal to the stop: everything wired, nothing concrete.
// `main.ts` gives it the real ports, the simulator its own.
import { keyOf, label, transferOf } from '../core/decision-helpers.ts';
import { describe } from '../core/status-view.ts';
import { chunksExpected } from '../core/resume-strategy.ts';
import { chunkBytes, stopGraceMs } from '../limits.ts';
import { deviceOf } from '../backends/rvi/codec/dialects.ts';
import { errorCodes } from '../backends/rvi/codec/jsonrpc.ts';
import { nodeDialects } from '../backends/rvi/codec/node-dialect.ts';
import { createHasher } from '../store/hasher.ts';
import { openStore } from '../store/store.ts';
import { createAgent } from './event-loop.ts';
import { createClockWatch } from './clock-watch.ts';
import { createExecutors } from './executors.ts';
import { withOneListing, withReadableList } from './inventory.ts';
import { createReceiver } from '../backends/rvi/receiver.ts';
import { createRefusals } from '../backends/rvi/rejection-counter.ts';
import { createSender, hintsOf, servicesOf } from '../backends/rvi/sender.ts';
import { within } from './within.ts';
import type { Event } from '../core/events.ts';
import type { PackageId, State } from '../core/model.ts';
import type { Settings } from '../core/settings.ts';
import type { Status } from '../core/status.ts';
import type { Clock, Disk, DiskResult, Log, Random } from '../host/ports.ts';
import type { Installers } from '../install/installer.ts';
import type { Known } from '../store/payload-files.ts';
import type { Store } from '../store/store.ts';
import type { Transport } from '../backends/rvi/transport/transport.ts';
import type { Agent } from './event-loop.ts';
import type { ClockWatch } from './clock-watch.ts';

export type DaemonParts = {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly disk: Disk;
  readonly settings: Settings;
  readonly transport: Transport;
  readonly installers: Installers;
  readonly bootId: string;
  readonly build: Build;
};

/** A clock before the build's time is not to be believed. */
export type Build = { readonly version: string; readonly builtMs: number };

export type ConsentResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly code: string; readonly reason: string };

export type InventoryResult =
  | { readonly ok: true; readonly packages: readonly PackageId[] }
  | { readonly ok: false; readonly code: string; readonly reason: string };

export type Daemon = {
  state(): State;
  status(): Status;
  accept(name: string, version: string | undefined): Promise<ConsentResult>;
  decline(name: string, version: string | undefined): Promise<ConsentResult>;
  inventory(): Promise<InventoryResult>;
  /** Makes another secret path for deliveries, and registers it. */
  renewPath(): Promise<ConsentResult>;
  onChange(listener: () => void): () => void;
  /** What has not moved for longer than that; undefined: all is well. */
  stuck(limitMs: number): string | undefined;
  /** Rejects when a promise of ours is broken (a failed fsync); resolves after `stop`. */
  readonly ended: Promise<void>;
  /** Closes the link; what an installer that runs comes to is still committed. */
  stop(): void;
  /** Programs whose outcome keeps it from ending. */
  waitsFor(): readonly string[];
};

export async function startDaemon(given: DaemonParts): Promise<DiskResult<Daemon>> {
  const { disk, log, settings } = given;
  const installers = withReadableList(withOneListing(given.installers), log, settings.rvi.packages);
  const parts = { ...given, installers };
  const opened = await openStore(disk, settings.storage.directory, settings.storage.reserveBytes);
  if (!opened.ok) return opened;
  const store = opened.value;
  for (const loss of store.losses) log('warn', 'data-loss', { what: loss });
  if (store.damage !== undefined) log('error', 'journal-corrupt', store.damage);
  const { agent, watch } = createWired(parts, store);
  const { nextNumber } = agent.state();
  const surveyed = await store.data.survey(knownIn(agent.state()), nextNumber);
  if (!surveyed.ok) return surveyed;
  const { evidence, left, foreign } = surveyed.value;
  if (foreign.length > 0) log('warn', 'foreign-in-packages', { names: foreign.join(' ') });
  const ended = live(parts, agent, store).finally(watch.stop);
  // Whoever waits for it hears of it, and may begin to wait only later.
  ended.catch(() => undefined);
  void agent.submit({ kind: 'booted', bootId: parts.bootId, evidence });
  for (const { number, reason } of left) void agent.submit({ kind: 'discarded', number, reason });
  openTransport(parts, agent, ended);
  return { ok: true, value: daemonOf(parts, agent, ended) };
}

function knownIn(state: State): readonly Known[] {
  return [...state.packages.values()].flatMap((one) => {
    const transfer = transferOf(one);
    if (transfer === undefined) return [];
    const { number, chunks, chunksCount } = transfer;
    return [{ number, owedBytes: (chunksExpected(chunksCount) - chunks.count) * chunkBytes }];
  });
}

type Wired = { readonly agent: Agent; readonly watch: ClockWatch };

function createWired(parts: DaemonParts, store: Store): Wired {
  const { clock, random, log, settings, transport, installers } = parts;
  const submit = (event: Event) => void agent.submit(event);
  const hasher = createHasher(store.data, submit);
  const { builtMs } = parts.build;
  const state = () => agent.state();
  const isWaiting = () => agent.state().link.kind !== 'up';
  const watch = createClockWatch(clock, isWaiting, () => submit({ kind: 'clock-stepped' }));
  const onClockInDoubt = watch.start;
  const speaker = createSender({
    ...{ clock, settings, transport, builtMs, state, submit, onClockInDoubt },
  });
  const fail = (error: unknown) => agent.fail(error);
  const { say } = speaker;
  const execute = createExecutors({ log, store, hasher, installers, say, submit, fail });
  const agent: Agent = createAgent({ clock, random, log, settings, store, execute });
  return { agent, watch };
}

async function live({ clock, transport }: DaemonParts, agent: Agent, store: Store): Promise<void> {
  // The node must not hear of a delivery that nobody will commit.
  const closed = agent.stopping.then(() => transport.close());
  closed.catch(agent.fail);
  try {
    await agent.run();
  } finally {
    agent.stop();
    await within(clock, stopGraceMs, closed);
  }
  await within(clock, stopGraceMs, store.close());
}

function openTransport(
  { clock, log, settings, transport }: DaemonParts,
  agent: Agent,
  ended: Promise<void>,
): void {
  const dialect = nodeDialects[settings.rvi.dialect];
  const hints = () => hintsOf(settings, agent.state());
  const submit = (event: Event) => void agent.submit(event);
  const refusals = createRefusals(clock, submit);
  ended.then(refusals.stop, refusals.stop);
  const receive = createReceiver(log, dialect, hints, submit, refusals.add);
  let wasFull = false;
  transport.open({
    receive,
    answeredId: dialect.answeredId,
    isFull: () => {
      wasFull = agent.isFull();
      return wasFull;
    },
    onRefused: refusals.add,
    onUp: () => void agent.submit({ kind: 'transport-up' }),
    onDown: (reason) => void agent.submit({ kind: 'transport-down', reason }),
    refusal: (code) => {
      const isBusy = code === 'busy';
      const number = isBusy ? errorCodes.busy : errorCodes.tooLarge;
      const reason = isBusy ? 'busy, send it again' : 'too large';
      return dialect.encodeRefusal('null', number, reason) ?? '';
    },
  });
  agent.onChange(() => {
    if (!wasFull || agent.isFull()) return;
    wasFull = false;
    transport.resume();
  });
}

function daemonOf(parts: DaemonParts, agent: Agent, ended: Promise<void>): Daemon {
  const { clock, settings, installers } = parts;
  const startedMs = clock.nowMs();
  const status = () => {
    const nowMs = clock.nowMs();
    return describe(agent.state(), {
      version: parts.build.version,
      uptimeMs: Math.round(nowMs - startedMs),
      nowMs,
      source: 'daemon',
      vin: settings.device.vin,
      uuid: deviceOf(settings.device, agent.state().ownServices),
      services: servicesOf(settings, agent.state()),
      trouble: agent.storageError(),
    });
  };
  return {
    state: agent.state,
    status,
    accept: (name, version) => wish(agent, 'consent', name, version),
    decline: (name, version) => wish(agent, 'decline', name, version),
    inventory: async () => {
      if (agent.isStopping()) return stopping;
      const listed = await installers.list();
      return listed.ok ? listed : { ...listed, code: 'inventory-failed' };
    },
    renewPath: () => renewPath(parts, agent),
    onChange: agent.onChange,
    stuck: agent.stuck,
    ended,
    stop: agent.stop,
    waitsFor: agent.waitsFor,
  };
}

async function renewPath(
  { log, settings, transport }: DaemonParts,
  agent: Agent,
): Promise<ConsentResult> {
  if (transport.renewPath === undefined) {
    const reason = 'with a ws or wss rvi.url the node delivers on the connection of the agent';
    return { ok: false, code: 'no-path', reason };
  }
  if (settings.rvi.path !== 'secret') {
    const reason = 'rvi.path is a fixed path: change the configuration and restart the agent';
    return { ok: false, code: 'fixed-path', reason };
  }
  if (agent.isStopping()) return stopping;
  const renewed = await transport.renewPath();
  if (!renewed.ok) return { ok: false, code: 'path-not-renewed', reason: renewed.reason };
  log('info', 'path-renewed', {});
  await agent.submit({ kind: 'register-again' });
  return { ok: true, text: 'made a new delivery path; it is being registered' };
}

const stopping = {
  ok: false,
  code: 'stopping',
  reason: 'the agent stops and begins nothing more: try again after it has been started',
} as const;

/** What a person wants of a package, durable when it is answered. */
async function wish(
  agent: Agent,
  kind: 'consent' | 'decline',
  name: string,
  version: string | undefined,
): Promise<ConsentResult> {
  const known = candidates(agent.state(), kind).filter(
    (id) => id.name === name && (version === undefined || id.version === version),
  );
  const [id, ...others] = known;
  if (id === undefined) {
    const waits = kind === 'consent' ? 'is waiting for consent' : 'can be declined';
    return { ok: false, code: 'unknown-package', reason: `no package ${name} ${waits}` };
  }
  if (others.length > 0) {
    const versions = known.map((one) => one.version).join(', ');
    return { ok: false, code: 'ambiguous', reason: `say which version: ${versions}` };
  }
  await agent.submit({ kind, id });
  if (agent.isStopping()) return stopping;
  return { ok: true, text: `${kind === 'consent' ? 'accepted' : 'declined'} ${label(id)}` };
}

/** Accept also means "try again" for a payload that failed too often. */
function candidates(state: State, kind: 'consent' | 'decline'): readonly PackageId[] {
  const waiting = [...state.packages.values()]
    .filter(({ phase }) =>
      kind === 'consent'
        ? phase.kind === 'offered' || phase.kind === 'reporting'
        : ['offered', 'accepted', 'receiving'].includes(phase.kind) ||
          (phase.kind === 'reporting' && phase.again !== 'no'),
    )
    .map(({ id }) => id);
  if (kind === 'decline') return waiting;
  const failed = [...state.history.values()].filter(({ outcome }) => outcome === 'failed');
  const all = [...waiting, ...failed.map(({ id }) => id)];
  return [...new Map(all.map((id) => [keyOf(id), id])).values()];
}
