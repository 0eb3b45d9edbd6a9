// Tests the function that permits a step, with each phase and each kind of consent, and the waits
// for permission, which end at a deadline.
import { policy } from '../../../src/agent/backend.ts';
import { inPhase } from '../../../src/core/decision-helpers.ts';
import { permit } from '../../../src/core/policy.ts';
import { assert, suite } from '../../support/suite.ts';
import {
  asking,
  complete,
  createCore,
  createLinked,
  ghc,
  install,
  kinds,
  offerUpdate,
  open,
  receive,
  settings,
  settle,
  startOf,
  vim,
} from '../../support/core.ts';
import type { Step } from '../../../src/core/policy.ts';
import type { Core } from '../../support/core.ts';

const test = suite('policy');

const permitted = (core: Core, step: Step, own = settings, id = ghc) =>
  permit(own, core.state().core, step, id, { nowMs: core.nowMs, random: 0.5 });

test('an offer that waits for consent permits no step', () => {
  const core = createLinked(asking, ghc);
  for (const step of ['download', 'install', 'reboot'] as const) {
    const answer = permitted(core, step, asking);
    assert.is(answer.kind === 'wait' ? answer.untilMs : 0, undefined, step);
  }
  core.act({ kind: 'consent', id: ghc });
  assert.is(permitted(core, 'download', asking).kind, 'now');
});

test('consent lasts until the outcome, and the next download needs it again', () => {
  const core = createLinked(asking, ghc);
  core.act({ kind: 'consent', id: ghc });
  settle(core, ghc);
  assert.is(core.phase(ghc), 'reporting');
  assert.is(permitted(core, 'download', asking).kind, 'wait');
});

test('a package that no server offered is a dependency only where that is configured', () => {
  const accepting = { ...asking, policy: { ...asking.policy, dependencies: 'accept' } } as const;
  const core = createLinked(asking, ghc);
  assert.is(permitted(core, 'download', accepting, vim).kind, 'wait');
  core.act({ kind: 'consent', id: ghc });
  assert.is(permitted(core, 'download', asking, vim).kind, 'wait');
  assert.is(permitted(core, 'download', accepting, vim).kind, 'now');
});

test('a server that requires a confirmation gets one, whatever the configuration is', () => {
  const core = createLinked(settings);
  core.ask(offerUpdate(ghc, true));
  assert.is(permitted(core, 'download').kind, 'wait');
  assert.equal(kinds(core.ask(startOf(ghc, 2)).effects), []);
});

test('a denied reboot is permitted when its delay has passed', () => {
  const core = createLinked(settings, ghc);
  install(core, ghc);
  const verdict = { kind: 'reboot-required', description: '' } as const;
  core.act({ kind: 'install-ended', id: ghc, verdict });
  core.act({ kind: 'reboot-denied', id: ghc, reason: 'in motion' });
  const answer = permitted(core, 'reboot');
  assert.ok(answer.kind === 'wait' && answer.reason === 'in motion');
  core.nowMs = answer.untilMs ?? 0;
  assert.is(permitted(core, 'reboot').kind, 'now');
});

test('a wait for permission to install ends in another try of the installer', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 2);
  receive(core, ghc, 2, 2);
  complete(core, ghc, 2);
  const one = core.one(ghc);
  if (one === undefined || !inPhase(one, 'receiving')) throw new Error('not receiving');
  const now = { ...one.phase.now, isPreparing: false, prepareAtMs: core.nowMs + 5_000 };
  const waiting = policy.applyAll(core.state(), [], [{ kind: 'receiving', id: ghc, now }]);
  const later = Object.assign(createCore(settings, waiting), { nowMs: core.nowMs });
  assert.equal(kinds(later.wait(4_999)), []);
  assert.equal(kinds(later.wait(1)), ['prepare']);
});

test('a wait for permission to install again ends in another hash of the data', () => {
  const core = createLinked(settings, ghc);
  install(core, ghc);
  const one = core.one(ghc);
  if (one === undefined || !inPhase(one, 'installing')) throw new Error('not installing');
  const now = { ...one.phase.now, step: 'verifying', retryAtMs: core.nowMs + 5_000 } as const;
  const waiting = policy.applyAll(core.state(), [], [{ kind: 'installing', id: ghc, now }]);
  const later = Object.assign(createCore(settings, waiting), { nowMs: core.nowMs });
  assert.equal(
    kinds(later.wait(4_999)).filter((kind) => kind === 'hash'),
    [],
  );
  assert.ok(kinds(later.wait(1)).includes('hash'));
});

test.run();
