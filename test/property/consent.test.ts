// Tests consent with an exhaustive search: every order of actions of a server and a user, with two
// packages and an update, until no new state appears (the detailed search ends at a bound). An
// oracle that sees only the events requires that the agent receives nothing without the consent of
// a user to that package.

import { policy } from '../../src/agent/backend.ts';
import { keyOf, reservationOf, transferOf } from '../../src/core/decision-helpers.ts';

import {
  asking,
  ghc,
  names,
  offer,
  offerUpdate,
  settings,
  startOf,
  vim,
  exchangeOf,
} from '../support/core.ts';
import { assert, suite } from '../support/suite.ts';
import type { PayloadScan } from '../../src/core/events.ts';
import type { Decision, Event, Fact } from '../../src/agent/backend.ts';
import type { PackageId } from '../../src/core/model.ts';
import type { Request } from '../../src/backends/rvi/messages.ts';
import type { State } from '../../src/agent/backend.ts';
import type { Settings } from '../../src/settings.ts';

const test = suite('consent');
const update: PackageId = { name: '0fa1b2c3-0000-4000-8000-00000000beef', version: '' };
const other = { name: '1fa1b2c3-0000-4000-8000-00000000beef', version: '' };
const nowMs = 1_000_000;

type Step =
  | { readonly kind: 'event'; readonly name: string; readonly event: Event }
  /** The agent restarts with the facts of the journal, or with those of a compacted journal. */
  | { readonly kind: 'restart'; readonly name: string; readonly isRewritten: boolean };

/** The state of the oracle, from events and from the outcomes that the agent reports. */
type Known = {
  readonly granted: ReadonlySet<string>;
  /** Packages that need consent: always, or because a notify required it. */
  readonly wanted: ReadonlySet<string>;
};

type Node = {
  readonly state: State;
  readonly known: Known;
  readonly depth: number;
  readonly from: Node | undefined;
  readonly by: string;
};

const ask = (name: string, request: Request): Step => ({
  kind: 'event',
  name,
  event: { kind: 'request', request },
});

function stepsOf(ids: readonly PackageId[], isConfirmed: boolean): readonly Step[] {
  const of = (id: PackageId): readonly Step[] => [
    ask('offer', id.version === '' ? offerUpdate(id, isConfirmed) : offer(id)),
    { kind: 'event', name: 'accept', event: { kind: 'consent', id } },
    { kind: 'event', name: 'decline', event: { kind: 'decline', id } },
    ask('start', startOf(id, 1)),
    ask('start of another payload', startOf(id, 1, 'b'.repeat(40))),
    ask('chunk', { kind: 'chunk', id, chunkIndex: 1, data: new Uint8Array(100) }),
    ask('finish', { kind: 'finish', id }),
    ask('abort of it', { kind: 'abort', id }),
    { kind: 'event', name: 'report sent', event: { kind: 'sent', message: 'report', id } },
  ];
  const named = ids.flatMap((id) =>
    of(id).map((step) => ({ ...step, name: `${step.name} ${id.name.slice(0, 4)}` })),
  );
  return [
    ...named,
    ask('abort', { kind: 'abort', id: undefined }),
    ask('getpackages', { kind: 'getpackages' }),
    { kind: 'event', name: 'tick', event: { kind: 'tick' } },
    { kind: 'restart', name: 'restart', isRewritten: false },
    { kind: 'restart', name: 'restart after a rewrite', isRewritten: true },
  ];
}

/** Simulates the device: space is available, the bytes are right, the installer succeeds. */
function answers(decided: Decision): readonly Event[] {
  return decided.effects.flatMap((effect): readonly Event[] => {
    switch (effect.kind) {
      case 'reserve':
        return [{ kind: 'reserved', start: effect.start, number: effect.number }];
      case 'prepare': {
        const { id, transfer } = effect;
        return [{ kind: 'prepared', id, number: transfer.number, installer: 'i', before: '' }];
      }
      case 'install': {
        const verdict = { kind: 'installed', description: '' } as const;
        return [{ kind: 'install-ended', id: effect.id, verdict }];
      }
      default:
        return [];
    }
  });
}

/** Returns the packages whose payload the decision receives or uses. */
function received(before: State, decided: Decision): readonly PackageId[] {
  const written = decided.writes.flatMap(({ number }) =>
    [...before.core.packages.values()].filter((one) => transferOf(one)?.number === number),
  );
  const opened = decided.facts.flatMap((fact) =>
    fact.kind === 'transfer-started' ? [fact.id] : [],
  );
  const reserved = decided.effects.flatMap((one) => (one.kind === 'reserve' ? [one.start.id] : []));
  const used = decided.effects.flatMap((one) =>
    one.kind === 'prepare' || one.kind === 'install' ? [one.id] : [],
  );
  return [...written.map(({ id }) => id), ...opened, ...reserved, ...used];
}

function learn(known: Known, before: State, event: Event, facts: readonly Fact[]): Known {
  const [granted, wanted] = [new Set(known.granted), new Set(known.wanted)];
  if (event.kind === 'consent') {
    const phase = before.core.packages.get(keyOf(event.id))?.phase;
    const isOpen = phase?.kind === 'reporting' && phase.again === 'offered';
    if (phase?.kind === 'offered' || isOpen) granted.add(keyOf(event.id));
  }
  if (event.kind === 'decline') granted.delete(keyOf(event.id));
  if (event.kind === 'request' && event.request.kind === 'notify') {
    for (const { id, update: told } of event.request.offers) {
      if (told?.isConfirmationWanted === true) wanted.add(keyOf(id));
    }
  }
  for (const fact of facts) {
    if (fact.kind === 'outcome-recorded') granted.delete(keyOf(fact.report.id));
    if (fact.kind === 'aborted') granted.delete(keyOf(fact.id));
  }
  return { granted, wanted };
}

function fineKeyIn({ core, backend }: State, known: Known): string {
  const { packages, confirmations, history } = core;
  const all = [...packages.values()].map((one) => {
    const { id, phase, started, isByPerson } = one;
    const transfer = transferOf(one);
    const { attempts = 0, unexpectedChunks, sentAtMs } = exchangeOf(backend, id);
    const finished = phase.kind === 'receiving' && phase.finished;
    const report = phase.kind === 'reporting' ? [phase.again, phase.report.code] : [];
    return [
      ...[id.name, phase.kind, started?.checksum, isByPerson, finished, ...report],
      ...[transfer?.checksum, transfer?.chunks.count, reservationOf(one)?.checksum],
      ...[sentAtMs !== undefined, Math.min(attempts, 2), unexpectedChunks],
    ];
  });
  const last = [...history.values()].map((one) => [one.id.name, one.checksum, one.outcome]);
  return JSON.stringify([all, confirmations, last, [...known.granted], [...known.wanted]]);
}

/**
 * Returns only the parts of a state on which a rule about consent can depend, package by package,
 * without an order. The number of different keys is small enough to visit all of them.
 */
function coarseKeyIn(state: State, { granted, wanted }: Known): string {
  const all = [...state.core.packages.values()].map((one) => {
    const { id, phase, started, isByPerson } = one;
    const { sentAtMs } = exchangeOf(state.backend, id);
    const finished = phase.kind === 'receiving' && phase.finished;
    const report = phase.kind === 'reporting' ? [phase.again, phase.report.code] : [];
    const isOpen = reservationOf(one) !== undefined || transferOf(one) !== undefined;
    const about = [phase.kind, started !== undefined, isByPerson, finished, ...report];
    return [id.name, ...about, isOpen, sentAtMs !== undefined].join();
  });
  return JSON.stringify([all.sort(), [...granted].sort(), [...wanted].sort()]);
}

type Explored = { readonly states: number; readonly depth: number; readonly isClosed: boolean };

/** Returns the path to the first reception without consent, or the size of the search. */
function explore(
  own: Settings,
  steps: readonly Step[],
  isWantedAlways: boolean,
  statesMax: number,
  keyIn = fineKeyIn,
): Explored | string {
  const first = begin(own);
  const root = { granted: new Set<string>(), wanted: new Set<string>() };
  const nodes: Node[] = [{ state: first, known: root, depth: 0, from: undefined, by: 'begin' }];
  const seen = new Set<string>([keyIn(first, root)]);
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at];
    if (node === undefined) break;
    for (const step of steps) {
      const next = follow(own, node, step, isWantedAlways);
      if (typeof next === 'string') return `${next}: ${wayTo(node)} > ${step.name}`;
      const key = keyIn(next.state, next.known);
      if (seen.has(key)) continue;
      seen.add(key);
      nodes.push({ ...next, depth: node.depth + 1, from: node, by: step.name });
    }
    if (nodes.length > statesMax) {
      return { states: nodes.length, depth: node.depth, isClosed: false };
    }
  }
  return { states: nodes.length, depth: nodes.at(-1)?.depth ?? 0, isClosed: true };
}

function wayTo({ from, by }: Node): string {
  return from === undefined ? by : `${wayTo(from)} > ${by}`;
}

type Next = { readonly state: State; readonly known: Known };

const boot = (payloads: readonly PayloadScan[]): readonly Event[] => [
  { kind: 'booted', bootId: 'b', payloads },
  { kind: 'transport-up' },
  { kind: 'registered', names, vin: undefined, found: undefined },
];

function begin(own: Settings): State {
  let state = policy.initial;
  for (const event of boot([])) {
    const decided = policy.decide(own, state, event, { nowMs, random: 0.5 });
    state = policy.applyAll(state, decided.facts, decided.notes);
  }
  return state;
}

function follow(own: Settings, node: Node, step: Step, isAlways: boolean): Next | string {
  if (step.kind === 'restart') {
    const state = policy.replay(policy.snapshot(node.state));
    const facts = step.isRewritten ? policy.snapshot(state) : policy.snapshot(node.state);
    const there = [...state.core.packages.values()].flatMap((one) => {
      const number = transferOf(one)?.number;
      return number === undefined ? [] : [{ number, dataBytes: 1e9 }];
    });
    return run(own, { state: policy.replay(facts), known: node.known }, boot(there), isAlways);
  }
  return run(own, node, [step.event], isAlways);
}

function run(own: Settings, from: Next, events: readonly Event[], isAlways: boolean) {
  let { state, known } = from;
  const queue = [...events];
  for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
    const decided = policy.decide(own, state, event, { nowMs, random: 0.5 });
    const taken = received(state, decided);
    const next = learn(known, state, event, []);
    for (const id of taken) {
      const key = keyOf(id);
      if ((isAlways || next.wanted.has(key)) && !next.granted.has(key)) {
        return `${id.name} is received without consent`;
      }
    }
    known = learn(known, state, event, decided.facts);
    state = policy.applyAll(state, decided.facts, decided.notes);
    queue.push(...answers(decided));
    // The simulated device hashes the payload after the server has finished the transfer.
    for (const one of state.core.packages.values()) {
      if (one.phase.kind !== 'receiving' || !one.phase.finished) continue;
      if (one.phase.now.isPreparing) continue;
      if (queue.some(({ kind }) => kind === 'hashed')) continue;
      const { number, checksum } = one.phase.transfer;
      queue.push({ kind: 'hashed', number, sha1: checksum });
    }
  }
  return { state, known };
}

function holds(found: Explored | string): Explored {
  assert.type(found, 'object', String(found));
  return typeof found === 'string' ? { states: 0, depth: 0, isClosed: false } : found;
}

test('with "ask" nothing is received without consent: a package and an update, all orders', () => {
  for (const ids of [[ghc], [update]]) {
    const found = holds(explore(asking, stepsOf(ids, false), true, 100_000));
    assert.ok(found.isClosed, `${found.states} states, depth ${found.depth}`);
  }
});

test('with "ask": two packages and an update together, every state', () => {
  const steps = stepsOf([ghc, vim, update], false);
  const all = holds(explore(asking, steps, true, 1_000_000, coarseKeyIn));
  assert.ok(all.isClosed && all.states > 1_000, `${all.states} states, depth ${all.depth}`);
});

test('with "ask": two packages and an update together, in more detail up to a depth', () => {
  const found = holds(explore(asking, stepsOf([ghc, vim, update], false), true, 4_000));
  assert.ok(found.depth >= 3, `${found.states} states, depth ${found.depth}`);
});

test('with "auto" nothing that the server wants confirmed is received without consent', () => {
  const one = holds(explore(settings, stepsOf([update], true), false, 100_000));
  assert.ok(one.isClosed, `${one.states} states, depth ${one.depth}`);
  const every = stepsOf([update, other], true);
  const all = holds(explore(settings, every, false, 1_000_000, coarseKeyIn));
  assert.ok(all.isClosed && all.states > 150, `${all.states} states, depth ${all.depth}`);
  const two = holds(explore(settings, every, false, 4_000));
  assert.ok(two.depth >= 3, `${two.states} states, depth ${two.depth}`);
});

test('finds the agent that takes whatever comes while an accepted package is under way', () => {
  const weak = { ...asking, policy: { consent: 'required', dependencies: 'accept' } } as const;
  const steps = stepsOf([ghc, vim], false);
  assert.type(explore(weak, steps, true, 4_000), 'string');
  assert.type(explore(weak, steps, true, 4_000, coarseKeyIn), 'string');
});

test('finds the agent that accepts by itself', () => {
  assert.type(explore(settings, stepsOf([ghc], false), true, 4_000), 'string');
});

test.run();
