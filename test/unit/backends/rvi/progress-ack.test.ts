// Tests the progress acks that a server gets after the finish: when it gets them, and which servers
// get none.

import { policy } from '../../../../src/agent/backend.ts';
import { assert, suite } from '../../../support/suite.ts';
import {
  codes,
  createCore,
  createLinked,
  ghc,
  install,
  kinds,
  link,
  offer,
  offerUpdate,
  only,
  open,
  receive,
  settings,
  startOf,
  sumOf,
} from '../../../support/core.ts';
import type { Core, Notify } from '../../../support/core.ts';

const test = suite('signs of life');
const everyMs = settings.rvi.progressIntervalMs;

function installing(notify: Notify = offer(ghc), own = settings): Core {
  const core = createLinked(own);
  core.ask(notify);
  install(core, ghc);
  return core;
}

/** Returns the number of progress acks in the given time. */
function signs(core: Core, ms: number): number {
  return core.wait(ms).filter(({ kind }) => kind === 'progress-ack').length;
}

test('an install that takes long is told of, well within the minute of a server', () => {
  assert.ok(everyMs >= 20_000 && everyMs <= 30_000, 'protocol 2.4');
  for (const notify of [offer(ghc), offerUpdate(ghc)]) {
    const core = installing(notify);
    assert.is(signs(core, everyMs - 1), 0, 'not at once: the server may begin something else');
    assert.is(signs(core, 1), 1);
    assert.is(signs(core, 10 * everyMs), 10);
    const verdict = { kind: 'reboot-required', description: '' } as const;
    core.act({ kind: 'install-ended', id: ghc, verdict });
    assert.is(signs(core, everyMs), 1, 'until the reboot as well');
  }
});

test('while it is hashed, and where the finish was lost, too', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 2);
  receive(core, ghc, 2, 2);
  core.wait(settings.rvi.finishTimeoutMs);
  assert.is(signs(core, everyMs), 1);
});

test('nothing is said once the outcome is known, nor before the finish', () => {
  const before = createLinked(settings, ghc);
  open(before, ghc, 3);
  receive(before, ghc, 1, 3);
  assert.is(signs(before, 5 * everyMs), 0);
  const after = installing();
  const verdict = { kind: 'installed', description: '' } as const;
  after.act({ kind: 'install-ended', id: ghc, verdict });
  assert.is(signs(after, 5 * everyMs), 0);
});

test('a server that waits for ever needs no sign, and gets none, also after a boot', () => {
  const core = installing({ ...offer(ghc), hasNoInstallTimeout: true });
  assert.ok(core.state().server.hasNoInstallTimeout);
  assert.is(signs(core, 5 * everyMs), 0);
  for (const facts of [core.facts, policy.snapshot(core.state())]) {
    assert.ok(policy.replay(facts).backend.server.hasNoInstallTimeout);
  }
  assert.not(installing(offer(ghc)).state().server.hasNoInstallTimeout);
});

test('0 turns them off', () => {
  const off = { ...settings, rvi: { ...settings.rvi, progressIntervalMs: 0 } };
  assert.is(signs(installing(offer(ghc), off), 5 * everyMs), 0);
});

test('a device that comes back says at once that it is still at it', () => {
  const before = installing();
  const core = createCore(settings, policy.replay(before.facts));
  const payloads = [{ number: 1, dataBytes: 1e9 }];
  core.act({ kind: 'booted', bootId: 'boot-2', payloads });
  assert.is(signs(core, 60_000), 0, 'no link');
  link(core);
  assert.is(signs(core, 0), 1);
});

// ---------------------------------------------------------------- updates of several packages

const another = startOf(ghc, 3, sumOf(3));

test('an update of several packages gets no sign: it would count for the next one', () => {
  const core = installing(offerUpdate(ghc));
  const decided = core.ask(another);
  assert.equal(codes(decided.effects), ['multi-package-unsupported']);
  assert.equal(only(decided.effects, 'ack'), { kind: 'ack', id: ghc, empty: true });
  assert.is(signs(core, 10 * everyMs), 0);
  const later = policy.replay(policy.snapshot(core.state()));
  assert.ok([...later.core.packages.values()][0]?.isMultiPackage, 'nor after a boot');
});

test('and is not said to be installed when only its first package is', () => {
  const core = installing(offerUpdate(ghc));
  core.ask(another);
  const verdict = { kind: 'installed', description: 'there' } as const;
  core.act({ kind: 'install-ended', id: ghc, verdict });
  const phase = core.one(ghc)?.phase;
  assert.ok(phase?.kind === 'reporting');
  assert.is(phase.report.status, false);
  assert.match(phase.report.description, /several packages.*the first: there/);
});

test('what was not begun to be installed is not begun any more', () => {
  for (const isFinished of [true, false]) {
    const core = createLinked();
    core.ask(offerUpdate(ghc));
    open(core, ghc, 2);
    receive(core, ghc, 2, 2);
    if (isFinished) core.ask({ kind: 'finish', id: ghc });
    const { effects } = core.ask(another);
    assert.equal(kinds(effects), ['ack', 'discard']);
    const phase = core.one(ghc)?.phase;
    assert.is(phase?.kind === 'reporting' && phase.report.status, false);
  }
});

test('another file under the name of a package is no update of several', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 2);
  receive(core, ghc, 2, 2);
  assert.ok(codes(core.ask(another).effects).includes('download-restarted'));
});

test.run();
