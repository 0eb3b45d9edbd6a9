// Tests the invariants of the policy in long random runs (test/support/world.ts), one seed each,
// after every event. A failure prints its seed: SEED=n node test/run.mjs test/property
import { policy } from '../../src/agent/backend.ts';
import process from 'node:process';

import {
  byNumber,
  inPhase,
  keyOf,
  historyKeyOf,
  reservationOf,
} from '../../src/core/decision-helpers.ts';
import { transferOf } from '../../src/core/decision-helpers.ts';
import { ackIndices } from '../../src/core/chunk-set.ts';

import { activityOf } from '../../src/core/status-view.ts';
import { isLinked } from '../../src/backends/rvi/deadlines.ts';
import { nextToRequest } from '../../src/backends/rvi/start-queue.ts';
import {
  historyEntriesMax,
  packagesMax,
  reportSendsAgainMax,
  reportSettleMs,
  transfersMax,
} from '../../src/limits.ts';
import { asking, durableOf, exchangeOf, settings as usual } from '../support/core.ts';
import { createRandom } from '../support/prng.ts';
import { assert, suite } from '../support/suite.ts';
import { createWorld } from '../support/world.ts';
import type { Effect, Fact } from '../../src/agent/backend.ts';
import type { Package } from '../../src/core/model.ts';
import type { State } from '../../src/agent/backend.ts';
import type { Settings } from '../../src/settings.ts';
import type { Step, World } from '../support/world.ts';

const test = suite('policy');
const stepsMax = 150;
const one = process.env['SEED'];
const seeds = one === undefined ? Array.from({ length: 2_000 }, (_, at) => at + 1) : [Number(one)];

type Check = (step: Step, world: World, model: Model, at: number) => void;

/** A model that the test derives from events and facts only, not from the state. */
type Model = {
  readonly held: Map<number, Set<number>>;
  readonly verified: Set<number>;
  readonly discarded: Set<number>;
  readonly intents: Map<string, number>;
  /** Reports sent since the outcome, and whether the server may have received one. */
  readonly said: Map<string, { count: number; mayBeThere: boolean; isInDoubt: boolean }>;
};

function createModel(): Model {
  return {
    held: new Map(),
    verified: new Set(),
    discarded: new Set(),
    intents: new Map(),
    said: new Map(),
  };
}

const acks = ['auto', 'full', 'tail'] as const;

function settingsOf(seed: number): Settings {
  const own = seed % 3 === 0 ? asking : usual;
  return { ...own, rvi: { ...own.rvi, ack: acks[seed % acks.length] ?? 'auto' } };
}

const checks = new Map<string, Check>();
const failures = new Map<string, string>();
/** The kinds of all facts and effects, so that a test can prove that its check had input. */
const met = new Set<string>();
let isLived = false;

/** Runs each seed once; every check looks at every step. */
function liveAll(): void {
  if (isLived) return;
  isLived = true;
  for (const seed of seeds) live(seed);
}

function live(seed: number): void {
  const world = createWorld(settingsOf(seed), createRandom(seed));
  const model = createModel();
  for (let at = 1; at <= stepsMax; at++) {
    const step = world.step();
    learn(model, step);
    for (const { kind } of [...step.decided.facts, ...step.decided.effects]) met.add(kind);
    for (const [name, check] of checks) {
      if (failures.has(name)) continue;
      const complaint = complaintOf(() => check(step, world, model, at));
      if (complaint === undefined) continue;
      const event = JSON.stringify(step.event, (key, value) => (key === 'data' ? '' : value));
      failures.set(name, `SEED=${seed} step ${at} ${event.slice(0, 300)}: ${complaint}`);
    }
  }
}

function complaintOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return error instanceof Error ? `${error.message} ${detailsOf(error)}` : String(error);
  }
}

function detailsOf(error: Error): string {
  return 'details' in error && typeof error.details === 'string' ? error.details : '';
}

function learn(model: Model, { event, before, decided }: Step): void {
  if (event.kind === 'booted') model.verified.clear();
  if (event.kind === 'hashed') {
    const one = byNumber(before.state(), event.number);
    const right = one === undefined ? undefined : transferOf(one)?.checksum;
    if (event.sha1 === right) model.verified.add(event.number);
  }
  if (event.kind === 'chunk-corrupt') model.verified.delete(event.number);
  for (const fact of decided.facts) learnFact(model, before.state(), fact);
  for (const effect of decided.effects) {
    if (effect.kind === 'discard') model.discarded.add(effect.number);
    if (effect.kind !== 'report') continue;
    const said = model.said.get(keyOf(effect.report.id));
    if (said !== undefined) said.count += 1;
  }
  // It confirms one report. For other sent reports it is a weak sign, after which they end sooner.
  if (event.kind === 'request' && event.request.kind === 'getpackages') {
    for (const said of model.said.values()) said.isInDoubt ||= said.mayBeThere;
  }
  if (event.kind === 'sent' && event.message === 'report' && event.id !== undefined) {
    const said = model.said.get(keyOf(event.id));
    if (said !== undefined) said.mayBeThere = true;
  }
}

function learnFact(model: Model, before: State, fact: Fact): void {
  switch (fact.kind) {
    case 'transfer-started':
      // An unused reservation leaves no fact. Its number can be used again after power loss.
      model.discarded.delete(fact.number);
      return void model.held.set(fact.number, new Set());
    case 'chunk-stored':
      return void model.held.get(fact.number)?.add(fact.chunkIndex);
    case 'chunk-removed':
      return void model.held.get(fact.number)?.delete(fact.chunkIndex);
    case 'outcome-recorded':
      model.said.set(keyOf(fact.report.id), { count: 0, mayBeThere: false, isInDoubt: false });
      if (!fact.report.status || fact.checksum === undefined) return;
      return void model.intents.delete(historyKeyOf(fact.report.id, fact.checksum));
    case 'install-started': {
      const known = before.core.packages.get(keyOf(fact.id));
      const checksum = known === undefined ? '' : (transferOf(known)?.checksum ?? '');
      const key = historyKeyOf(fact.id, checksum);
      return void model.intents.set(key, (model.intents.get(key) ?? 0) + 1);
    }
    case 'attempts-reset':
      // The keys of one package differ in the checksum, which is last.
      for (const key of model.intents.keys()) {
        const own = historyKeyOf(fact.id, '').slice(0, -'""]'.length);
        if (key.startsWith(own)) model.intents.delete(key);
      }
      return;
    default:
  }
}

function everyLife(name: string, check: Check): void {
  checks.set(name, check);
  test(name, () => {
    liveAll();
    const failure = failures.get(name);
    assert.is(failure, undefined, failure ?? '');
  });
}

const effectsOf = <K extends Effect['kind']>({ decided }: Step, kind: K) =>
  decided.effects.filter(
    (effect): effect is Extract<Effect, { readonly kind: K }> => effect.kind === kind,
  );
const packagesOf = (state: State) => [...state.core.packages.values()];

everyLife('the facts alone give the state again, and so does a snapshot', (_, world, __, at) => {
  if (at % 25 !== 0) return;
  const state = world.core().state();
  const facts = policy.snapshot(state);
  assert.equal(durableOf(policy.replay(world.facts)), durableOf(state));
  assert.equal(durableOf(policy.replay(facts)), durableOf(state));
  assert.is(policy.replay(facts).core.nextNumber, state.nextNumber);
  assert.equal(policy.snapshot(policy.replay(facts)), facts, 'no shorter one');
});

everyLife('an ack is of a transfer that goes on, or [] for what is asked for', (step, world) => {
  const state = world.core().state();
  for (const { id, empty } of effectsOf(step, 'ack')) {
    const now = state.packages.get(keyOf(id));
    if (now !== undefined && inPhase(now, 'accepted')) {
      assert.ok(empty, 'without a transfer there is only []');
      continue;
    }
    if (now !== undefined && inPhase(now, 'offered')) {
      assert.ok(empty && now.started !== undefined, 'an offer that the server has not started');
      continue;
    }
    if (now !== undefined && inPhase(now, 'reporting')) {
      const isRefused = step.decided.facts.some((fact) => fact.kind === 'outcome-recorded');
      assert.ok(empty && isRefused, 'only a start that leads to nothing is let go by []');
      continue;
    }
    if (now?.isMultiPackage === true) {
      assert.ok(empty, 'another payload of an update is let go by []');
      continue;
    }
    assert.ok(now !== undefined && inPhase(now, 'receiving'), 'an ack of no transfer');
    assert.not.ok(now.phase.finished, 'an ack after the finish');
  }
});

everyLife('an ack lists what is committed, with 1 or empty', (step, world, model) => {
  if (step.decided.facts.length === 0 && step.event.kind !== 'booted') return;
  for (const one of packagesOf(world.core().state())) {
    const transfer = transferOf(one);
    if (transfer === undefined) continue;
    const held = [...(model.held.get(transfer.number) ?? [])].sort((a, b) => a - b);
    const list = ackIndices(transfer.chunks, 'full');
    assert.equal(list, held.includes(1) ? held : []);
    assert.is(transfer.chunks.count, held.length);
  }
});

everyLife('a chunk is written once, into an open transfer', (step, _, model) => {
  for (const { number, chunkIndex } of step.decided.writes) {
    const one = byNumber(step.before.state(), number);
    assert.ok(one !== undefined && inPhase(one, 'receiving') && !one.phase.finished);
    const held = step.decided.facts.filter(({ kind }) => kind === 'chunk-stored');
    assert.is(held.length, 1);
    assert.ok(model.held.get(number)?.has(chunkIndex));
    assert.ok(chunkIndex >= 1 && chunkIndex <= Math.max(1, one.phase.transfer.chunksCount));
  }
});

everyLife('only bytes with the right SHA-1 are prepared and installed', (step, _, model) => {
  for (const kind of ['prepare', 'install'] as const) {
    for (const { transfer } of effectsOf(step, kind)) {
      assert.ok(model.verified.has(transfer.number), `${kind} of ${transfer.number}`);
      assert.not.ok(model.discarded.has(transfer.number), 'its data is gone');
    }
  }
});

everyLife('an install is intended first, and so many times at most', (step, world, model) => {
  for (const { id, transfer, install } of effectsOf(step, 'install')) {
    const phase = world.core().state().packages.get(keyOf(id))?.phase;
    assert.ok(phase?.kind === 'installing');
    assert.equal(phase.install, install);
    const intents = model.intents.get(historyKeyOf(id, transfer.checksum)) ?? 0;
    assert.ok(intents <= usual.installer.maxAttempts, `${intents} intents`);
  }
});

everyLife('one start at a time is asked for', (step, world) => {
  const { nowMs } = world.core();
  const before = step.before.state();
  for (const { id } of effectsOf(step, 'request-start')) {
    const asked = before.packages.get(keyOf(id));
    if (asked?.phase.kind === 'receiving') continue;
    assert.is(asked?.phase.kind, 'accepted');
    for (const other of packagesOf(before)) {
      const { sentAtMs } = exchangeOf(before, other.id);
      assert.is(reservationOf(other), undefined);
      assert.ok(['offered', 'accepted', 'reporting'].includes(other.phase.kind));
      if (other.phase.kind !== 'reporting') continue;
      assert.ok(sentAtMs !== undefined && sentAtMs + reportSettleMs <= nowMs);
    }
  }
});

everyLife('a report is owed until it is proven or was said to the limit', (step, __, model) => {
  for (const fact of step.decided.facts) {
    if (fact.kind !== 'report-confirmed') continue;
    const said = model.said.get(keyOf(fact.id));
    const isAsked = step.event.kind === 'request' && step.event.request.kind === 'getpackages';
    if (isAsked) assert.ok(said?.mayBeThere, 'proof of what was not sent');
    else assert.ok(said?.isInDoubt || (said?.count ?? 0) >= reportSendsAgainMax);
  }
  for (const one of packagesOf(step.before.state())) {
    if (!inPhase(one, 'reporting') || step.event.kind === 'booted') continue;
    const isOwn = (fact: Fact) => 'id' in fact && keyOf(fact.id) === keyOf(one.id);
    const own = step.decided.facts.filter(isOwn);
    const kinds = own.map(({ kind }) => kind);
    const harmless = [
      'offered',
      'consented',
      'attempts-reset',
      'report-confirmed',
      'transfer-started',
      'declined',
      'consent-needed',
      'start-deferred',
    ];
    assert.ok(
      kinds.every((kind) => harmless.includes(kind)),
      kinds.join(),
    );
  }
});

everyLife('data is discarded when it is given up, and not before', (_, world, model) => {
  const state = world.core().state();
  const open = new Set(packagesOf(state).map((one) => transferOf(one)?.number));
  for (const number of model.held.keys()) {
    assert.is(model.discarded.has(number), !open.has(number), `transfer ${number}`);
  }
});

everyLife('what is known is bounded', (_, world) => {
  const { packages, history, exchanges, origins } = world.core().state();
  assert.ok(packages.size <= packagesMax && history.size <= historyEntriesMax);
  assert.ok(exchanges.size <= packages.size && origins.size <= packages.size);
  const open = [...packages.values()].filter((one) => transferOf(one) !== undefined);
  assert.ok(open.length <= transfersMax);
});

function waits(world: World, state: State, one: Package): boolean {
  const activity = activityOf(one);
  const own = policy
    .deadlines(state)
    .filter(({ id }) => id !== undefined && keyOf(id) === keyOf(one.id));
  const isPending = (kind: Effect['kind']) =>
    world.pending.some(
      (effect) =>
        effect.kind === kind &&
        (('id' in effect && keyOf(effect.id) === keyOf(one.id)) ||
          ('number' in effect && effect.number === transferOf(one)?.number) ||
          ('start' in effect && keyOf(effect.start.id) === keyOf(one.id))),
    );
  if (activity === 'reserving') return isPending('reserve');
  if (activity === 'preparing') return isPending('prepare');
  if (activity === 'installing') return isPending('install');
  if (activity === 'probing') return isPending('probe');
  if (activity === 'checking') return isPending('check');
  switch (one.phase.kind) {
    case 'offered':
      return true;
    case 'accepted':
      return nextToRequest(state) !== undefined || isElsewhere(state, one);
    case 'receiving':
      if (one.phase.finished) return one.phase.now.sha1 === undefined && isPending('hash');
      return own.length > 0;
    case 'installing':
      return own.length > 0 || (one.phase.now.step === 'verifying' && isPending('hash'));
    default:
      return own.length > 0;
  }
}

/** Returns whether another package keeps the server busy; that package has its own deadline. */
function isElsewhere(state: State, one: Package): boolean {
  return packagesOf(state).some((other) => {
    if (reservationOf(other) !== undefined) return true;
    const isIdle = ['offered', 'accepted'].includes(other.phase.kind);
    return keyOf(other.id) !== keyOf(one.id) && !isIdle;
  });
}

everyLife('nothing waits without a deadline unless something is under way', (_, world) => {
  const state = world.core().state();
  const { link } = state;
  if (link.kind === 'registering') {
    assert.ok(
      world.pending.some(({ kind }) => kind === 'register'),
      'registering',
    );
  }
  if (link.kind === 'down' || link.kind === 'up') assert.is.not(policy.nextDueMs(state), undefined);
  for (const one of packagesOf(state)) {
    const needsLink = ['accepted', 'receiving', 'reporting'].includes(one.phase.kind);
    if (needsLink && !isLinked(state.backend)) continue;
    const what = `${one.phase.kind} ${JSON.stringify(state.backend.exchanges.get(keyOf(one.id)))}`;
    assert.ok(waits(world, state, one), what);
  }
});

test('the lives meet everything that can be remembered and done', () => {
  liveAll();
  const rare = ['chunk-page', 'history-entry', 'counters'];
  const kinds = [
    ...[
      'server-named',
      'resume-method-learned',
      'offered',
      'consented',
      'declined',
      'transfer-started',
    ],
    ...[
      'chunk-stored',
      'chunk-removed',
      'transfer-complete',
      'transfer-discarded',
      'aborted',
      'install-started',
    ],
    ...[
      'inventory-requested',
      'inventory-sent',
      'reboot-pending',
      'outcome-recorded',
      'report-confirmed',
      'attempts-reset',
    ],
    ...['register', 'request-start', 'ack'],
    ...['report', 'list-inventory', 'send-inventory', 'reserve', 'hash', 'discard', 'prepare'],
    ...['install', 'probe', 'reboot', 'check', 'log'],
  ];
  const missing = kinds.filter((kind) => !met.has(kind) && one === undefined);
  assert.equal(missing, []);
  assert.not.ok(
    rare.some((kind) => met.has(kind)),
    'only a rewritten journal has these',
  );
});

test.run();
