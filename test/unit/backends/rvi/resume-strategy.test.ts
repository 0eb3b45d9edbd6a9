// Tests the order of the resume methods with a manual clock: the test lists the messages to a
// silent server, one word for each method.
import { startRetryDelayMsMax } from '../../../../src/limits.ts';
import { assert, suite } from '../../../support/suite.ts';
import {
  chunkOf,
  codes,
  createCore,
  createLinked,
  ghc,
  link,
  names,
  open,
  receive,
  settings,
  startOf,
  withParts,
} from '../../../support/core.ts';
import type { Effect } from '../../../../src/agent/backend.ts';
import type { Core } from '../../../support/core.ts';

const test = suite('ladder');

function wordOf(effect: Effect): readonly string[] {
  if (effect.kind === 'ack') return [effect.empty ? 'empty' : 'full'];
  return effect.kind === 'request-start' ? ['start'] : [];
}
const words = (effects: readonly Effect[]) => effects.flatMap(wordOf);

function holding(upTo: number, count = 5): Core {
  const core = createLinked(settings, ghc);
  open(core, ghc, count);
  receive(core, ghc, upTo, count);
  return core;
}

test('climbs full, [], start, and begins again more slowly', () => {
  const core = holding(2);
  assert.equal(words(core.wait(10_000)), ['full']);
  assert.equal(words(core.wait(10_000)), ['empty']);
  assert.equal(words(core.wait(10_000)), ['start']);
  assert.equal(words(core.wait(10_000)), ['full']);
  assert.equal(words(core.wait(10_000)), [], 'the second round waits longer');
  assert.equal(words(core.wait(5_000)), ['empty']);
});

test('never falls silent, and never waits longer than its bound', () => {
  const core = createCore(settings, holding(2).state(), 0.999);
  core.wait(24 * startRetryDelayMsMax);
  for (let round = 0; round < 5; round++) {
    assert.is(words(core.wait(startRetryDelayMsMax + 500)).length > 0, true);
  }
});

test('says in the log once that a transfer is silent, louder than the rest', () => {
  const effects = holding(2).wait(120_000);
  const loud = effects.filter((one) => one.kind === 'log' && one.level === 'warn');
  assert.equal(codes(loud), ['download-stalled']);
});

test('with nothing held there is no list: [] and start in turn', () => {
  const core = holding(0);
  assert.equal(words(core.wait(40_000)), ['start', 'empty', 'start']);
});

test('with everything held only the full list can bring the finish', () => {
  const core = createCore({ ...settings, rvi: { ...settings.rvi, finishTimeoutMs: 600_000 } });
  core.act({ kind: 'booted', bootId: 'b', payloads: [] });
  link(core);
  open(core, ghc, 2);
  receive(core, ghc, 2, 2);
  assert.equal([...new Set(words(core.wait(300_000)))], ['full']);
});

test('after a start that comes again the list is said first, then []', () => {
  const core = holding(2);
  assert.equal(words(core.ask(startOf(ghc, 5)).effects), ['full']);
  assert.equal(words(core.wait(10_000)), ['empty']);
});

test('learns what the server wants as its first ack, and says it first from then on', () => {
  const core = holding(2);
  core.ask(startOf(ghc, 5));
  core.wait(10_000);
  const { facts } = core.ask(chunkOf(ghc, 1, 5));
  assert.equal(facts, [{ kind: 'resume-method-learned', context: 'after-start', method: 'empty' }]);
  assert.equal(words(core.ask(startOf(ghc, 5)).effects), ['empty']);
  assert.equal(words(core.wait(20_000)), ['full', 'start']);
});

test('learns the two situations apart', () => {
  const core = holding(2);
  core.wait(20_000);
  const { facts } = core.ask(chunkOf(ghc, 1, 5));
  assert.equal(facts, [{ kind: 'resume-method-learned', context: 'resume', method: 'empty' }]);
  assert.equal(words(core.ask(startOf(ghc, 5)).effects), ['full']);
});

test('learns the list again where [] has stopped to work', () => {
  const core = holding(2);
  core.ask(startOf(ghc, 5));
  core.wait(10_000);
  core.ask(chunkOf(ghc, 1, 5));
  core.ask(startOf(ghc, 5));
  core.wait(10_000);
  const { facts } = core.ask(chunkOf(ghc, 3, 5));
  assert.equal(facts[1], { kind: 'resume-method-learned', context: 'after-start', method: 'full' });
});

test('learns once that what it says first is what works', () => {
  const core = holding(2);
  core.wait(10_000);
  const { facts } = core.ask(chunkOf(ghc, 3, 5));
  assert.equal(
    facts.map(({ kind }) => kind),
    ['chunk-stored', 'resume-method-learned'],
  );
  core.wait(10_000);
  assert.equal(
    core.ask(chunkOf(ghc, 4, 5)).facts.map(({ kind }) => kind),
    ['chunk-stored'],
  );
});

test('a server that has forgotten us is reached by start, and what is held stays', () => {
  const core = holding(3);
  assert.equal(words(core.wait(30_000)), ['full', 'empty', 'start']);
  core.ask(startOf(ghc, 5));
  core.wait(10_000);
  core.ask(chunkOf(ghc, 1, 5));
  const { writes, effects } = core.ask(chunkOf(ghc, 4, 5));
  assert.equal(
    writes.map(({ chunkIndex }) => chunkIndex),
    [4],
  );
  assert.equal(words(effects), ['full']);
});

test('a lost first ack is said again, for ever if need be', () => {
  const core = holding(0);
  const said = words(core.wait(3_600_000));
  assert.ok(said.filter((word) => word === 'empty').length > 3);
});

test('is silent while the link is down, and breaks the silence when it is back', () => {
  const core = holding(2);
  core.act({ kind: 'transport-down', reason: 'closed' });
  assert.equal(words(core.wait(600_000)), []);
  link(core);
  assert.equal(words(core.wait(500)), ['full']);
});

test('a renewed registration disturbs no transfer', () => {
  const core = holding(2);
  core.wait(15_000);
  const before = core.running(ghc);
  assert.is(before.method, 'full');
  core.nowMs += settings.rvi.registerIntervalMs;
  const renewing = { kind: 'registering', failures: 0, isRenewal: true } as const;
  const renewed = createCore(settings, withParts(core.state(), { link: renewing }));
  renewed.act({ kind: 'registered', names, vin: 'VIN', found: undefined });
  assert.equal(renewed.running(ghc), before);
});

test.run();
