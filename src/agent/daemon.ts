// One run of the agent, from the replay of the journal to the stop. The daemon connects all parts.
// `main.ts` passes the real ports; the simulator passes its own.
import { acceptable, declinable } from '../core/consent.ts';
import { label, transferOf } from '../core/decision-helpers.ts';
import { chunksExpected } from '../core/phases.ts';
import { describe } from '../core/status-view.ts';
import { chunkBytes, journalReserveDelayMs, stopGraceMs } from '../limits.ts';
import { openStore } from '../store/store.ts';
import { createAgent } from './event-loop.ts';
import { createExecutors, isCoreEffect } from './executors.ts';
import { createHasher } from './hasher.ts';
import { withOneListing, withReadableList } from './inventory.ts';
import { journalFold } from './journal-fold.ts';
import { createConnection, inventoryFilter, policy, serverView, uuidOf } from './backend.ts';
import { within } from './within.ts';
import type { PackageId } from '../core/model.ts';
import type { Settings } from '../settings.ts';
import type { Status } from '../core/status.ts';
import type { Clock, Disk, DiskResult, Log, Random } from '../host/ports.ts';
import type { Installers } from '../install/installer.ts';
import type { ExpectedPayload } from '../store/payload-files.ts';
import type { Store } from '../store/store.ts';
import type { Agent } from './event-loop.ts';
import type { Connection, Event, Fact, State, Transport } from './backend.ts';

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

/** A wall clock earlier than `builtMs` is wrong. */
export type Build = { readonly version: string; readonly builtMs: number };

type Refused<Code> = { readonly ok: false; readonly code: Code; readonly reason: string };
type PathCode = 'no-path' | 'fixed-path' | 'path-not-renewed';

export type ConsentResult =
  | { readonly ok: true; readonly text: string }
  | Refused<'unknown-package' | 'ambiguous' | 'stopping' | PathCode>;

export type InventoryResult =
  | { readonly ok: true; readonly packages: readonly PackageId[] }
  | Refused<'inventory-failed' | 'stopping'>;

export type Daemon = {
  state(): State;
  status(): Status;
  accept(name: string, version: string | undefined): Promise<ConsentResult>;
  decline(name: string, version: string | undefined): Promise<ConsentResult>;
  inventory(): Promise<InventoryResult>;
  /** Generates another secret path for deliveries and registers it. */
  renewPath(): Promise<ConsentResult>;
  onChange(listener: () => void): () => void;
  /** Returns what made no progress for `limitMs`; undefined: nothing is stuck. */
  stuck(limitMs: number): string | undefined;
  /** Rejects if an internal invariant fails (a failed fsync); resolves after `stop`. */
  readonly ended: Promise<void>;
  /** Closes the link. The outcome of a running installer is still committed. */
  stop(): void;
  /** The running programs whose outcome the daemon waits for before it ends. */
  waitsFor(): readonly string[];
};

export async function startDaemon(given: DaemonParts): Promise<DiskResult<Daemon>> {
  const { clock, disk, log, settings } = given;
  const filter = inventoryFilter(settings);
  const installers = withReadableList(withOneListing(given.installers), log, filter);
  const parts = { ...given, installers };
  const { directory, minFreeBytes } = settings.storage;
  const opened = await openStore(disk, directory, minFreeBytes, journalFold);
  if (!opened.ok) return opened;
  const store = opened.value;
  for (const loss of store.losses) log('warn', 'data-loss', { what: loss });
  if (store.damage !== undefined) log('error', 'journal-corrupt', store.damage);
  const { agent, connection } = createWired(parts, store);
  const { nextNumber } = agent.state().core;
  const scanned = await store.data.scanFolders(expectedPayloads(agent.state()), nextNumber);
  if (!scanned.ok) return scanned;
  const { payloads, notRemoved, foreign } = scanned.value;
  if (foreign.length > 0) log('warn', 'foreign-in-packages', { names: foreign.join(' ') });
  // A start does not wait for a program. If the disk is full, the next write reports it.
  const cancel = clock.after(journalReserveDelayMs, () => void store.reserveBlocks());
  const ended = runUntilStopped(parts, agent, store, connection).finally(() => {
    cancel();
    connection.stop();
  });
  // A caller may wait for `ended` later; until then a rejection must not end the process.
  ended.catch(() => undefined);
  void agent.submit({ kind: 'booted', bootId: parts.bootId, payloads });
  for (const { number, reason } of notRemoved)
    void agent.submit({ kind: 'discarded', number, reason });
  connection.open();
  return { ok: true, value: daemonOf(parts, agent, connection, ended) };
}

function expectedPayloads({ core }: State): readonly ExpectedPayload[] {
  return [...core.packages.values()].flatMap((one) => {
    const transfer = transferOf(one);
    if (transfer === undefined) return [];
    const { number, chunks, chunksCount } = transfer;
    return [{ number, missingBytes: (chunksExpected(chunksCount) - chunks.count) * chunkBytes }];
  });
}

type Wired = { readonly agent: Agent; readonly connection: Connection };

function createWired(parts: DaemonParts, store: Store<State, Fact>): Wired {
  const { clock, random, log, settings, transport, installers } = parts;
  const { builtMs } = parts.build;
  const submit = (event: Event) => void agent.submit(event);
  const fail = (error: unknown) => agent.fail(error);
  const hasher = createHasher(store.data, submit);
  const execute = createExecutors({ log, store, hasher, installers, submit, fail });
  const shell = {
    state: () => agent.state(),
    submit: (event: Event) => agent.submit(event),
    isFull: () => agent.isFull(),
    onChange: (listener: () => void) => agent.onChange(listener),
  };
  const connection = createConnection({ clock, log, settings, transport, builtMs }, shell);
  const agent: Agent = createAgent({
    ...{ clock, random, log, settings, store },
    execute: (effect, state, writes) => {
      if (isCoreEffect(effect)) execute(effect, state.core, writes);
      else connection.execute(effect);
    },
  });
  return { agent, connection };
}

async function runUntilStopped(
  { clock }: DaemonParts,
  agent: Agent,
  store: Store,
  connection: Connection,
): Promise<void> {
  // The node must not receive a response for a delivery that is never committed.
  const closed = agent.stopping.then(connection.close);
  closed.catch(agent.fail);
  try {
    await agent.run();
  } finally {
    agent.stop();
    await within(clock, stopGraceMs, closed);
  }
  await within(clock, stopGraceMs, store.close());
}

function daemonOf(
  parts: DaemonParts,
  agent: Agent,
  connection: Connection,
  ended: Promise<void>,
): Daemon {
  const { clock, settings, installers } = parts;
  const startedMs = clock.nowMs();
  const status = () => {
    const nowMs = clock.nowMs();
    const state = agent.state();
    const view = serverView(settings, state, nowMs);
    return describe(state.core, view, policy.deadlines(state), {
      version: parts.build.version,
      uptimeMs: Math.round(nowMs - startedMs),
      nowMs,
      source: 'daemon',
      vin: settings.device.vin,
      uuid: uuidOf(settings, state),
      storageError: agent.storageError(),
    });
  };
  return {
    state: agent.state,
    status,
    accept: (name, version) => submitConsent(agent, 'consent', name, version),
    decline: (name, version) => submitConsent(agent, 'decline', name, version),
    inventory: async () => {
      if (agent.isStopping()) return stopping;
      const listed = await installers.list();
      return listed.ok ? listed : { ...listed, code: 'inventory-failed' };
    },
    renewPath: async () => (agent.isStopping() ? stopping : connection.renewPath()),
    onChange: agent.onChange,
    stuck: agent.stuck,
    ended,
    stop: agent.stop,
    waitsFor: agent.waitsFor,
  };
}

const stopping = {
  ok: false,
  code: 'stopping',
  reason: 'the agent is stopping: retry after its next start',
} as const;

/** Accepts or declines a package for a user. The decision is durable when the promise resolves. */
async function submitConsent(
  agent: Agent,
  kind: 'consent' | 'decline',
  name: string,
  version: string | undefined,
): Promise<ConsentResult> {
  const { core } = agent.state();
  const candidates = kind === 'consent' ? acceptable(core) : declinable(core);
  const known = candidates.filter(
    (id) => id.name === name && (version === undefined || id.version === version),
  );
  const [id, ...others] = known;
  if (id === undefined) {
    const state = kind === 'consent' ? 'is not waiting for consent' : 'cannot be declined';
    return { ok: false, code: 'unknown-package', reason: `package ${name} ${state}` };
  }
  if (others.length > 0) {
    const versions = known.map((one) => one.version).join(', ');
    return { ok: false, code: 'ambiguous', reason: `several versions, give one: ${versions}` };
  }
  await agent.submit({ kind, id });
  if (agent.isStopping()) return stopping;
  return { ok: true, text: `${kind === 'consent' ? 'accepted' : 'declined'} ${label(id)}` };
}
