// Tests install attempts from start to outcome, with interruptions and repeated downloads; the
// history must have the right number of attempts.

import { policy } from '../../../src/agent/backend.ts';
import { attemptsOf } from '../../../src/core/state-updates.ts';
import {
  installerBusyDelayMs,
  rebootAllowDelayMsMax,
  rebootAllowDelayMsMin,
  rebootDelayMs,
  rebootRequestsMax,
} from '../../../src/limits.ts';
import { assert, suite } from '../../support/suite.ts';
import {
  codes,
  complete,
  createCore,
  createLinked,
  ghc,
  install,
  kinds,
  link,
  only,
  open,
  settings,
  settle,
  startOf,
  sumOf,
  transferNumber,
  statusOf,
} from '../../support/core.ts';
import type { Probe, InstallResult } from '../../../src/core/events.ts';
import type { Core } from '../../support/core.ts';

const test = suite('on-install');
const dataBytes = 1e9;

function installing(): Core {
  const core = createLinked(settings, ghc);
  install(core, ghc);
  return core;
}

function reboot(core: Core, payloads = [{ number: transferNumber(core, ghc), dataBytes }]): Core {
  const next = createCore(settings, policy.replay(core.facts));
  next.act({ kind: 'booted', bootId: 'boot-2', payloads });
  return next;
}

const end = (core: Core, verdict: InstallResult) =>
  core.act({ kind: 'install-ended', id: ghc, verdict });
const probed = (core: Core, kind: Probe['kind']) =>
  core.act({ kind: 'install-probed', id: ghc, probe: { kind, description: kind } });
const report = (core: Core) => {
  const phase = core.one(ghc)?.phase;
  return phase?.kind === 'reporting' ? phase.report : undefined;
};
const attempts = (core: Core) => attemptsOf(core.state(), ghc, sumOf(2));

/** Confirms the report, which removes the package; the server may start it again. */
function prove(core: Core): void {
  core.wait(500);
  core.act({ kind: 'sent', message: 'report', id: ghc });
  core.ask({ kind: 'getpackages' });
}

test('the installer gets ready only for bytes with the right SHA-1', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 2);
  const decided = complete(core, ghc, 2, 'f'.repeat(40));
  assert.equal(kinds(decided.effects), ['discard']);
  assert.is(report(core)?.code, 'validation-failed');
  assert.match(report(core)?.description ?? '', /announced [0-9a-f]{40}, received f{40}/);
});

test('a report that follows a transfer begins afresh, and is said at once', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 2);
  core.wait(25_000);
  complete(core, ghc, 2, 'f'.repeat(40));
  assert.equal(core.running(ghc).attempts, undefined);
  assert.equal(kinds(core.wait(0)), ['report']);
});

test('the intent is a fact before the installer runs', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 2);
  complete(core, ghc, 2);
  assert.is(core.running(ghc).activity, 'preparing');
  const number = transferNumber(core, ghc);
  const decided = core.act({ kind: 'prepared', id: ghc, number, installer: 'opkg', before: '{}' });
  assert.equal(decided.facts, [
    {
      kind: 'install-started',
      id: ghc,
      install: { attempt: 1, installer: 'opkg', before: '{}' },
    },
  ]);
  assert.equal(kinds(decided.effects), ['install']);
  assert.is(attempts(core), 1);
});

test('an installer that cannot get ready is an outcome', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 2);
  complete(core, ghc, 2);
  const number = transferNumber(core, ghc);
  const not = {
    kind: 'not-prepared',
    id: ghc,
    failure: { kind: 'rejected', code: 'install-failed', reason: 'no opkg' },
  } as const;
  assert.equal(core.act({ ...not, number: number + 1 }).facts, []);
  core.act({ ...not, number });
  assert.is(report(core)?.description, 'no opkg');
});

test('the outcome and the duty to report it are one fact, the payload goes after it', () => {
  for (const status of [true, false]) {
    const core = createLinked(settings, ghc);
    const decided = settle(core, ghc, status);
    assert.equal(
      decided.facts.map(({ kind }) => kind),
      ['outcome-recorded'],
    );
    assert.equal(kinds(decided.effects), ['discard']);
    assert.is(report(core)?.status, status);
    const [entry] = core.state().history.values();
    assert.is(entry?.outcome, status ? 'installed' : 'failed');
  }
});

test('an outcome that comes twice, or late, changes nothing', () => {
  const core = installing();
  end(core, { kind: 'installed', description: 'there' });
  const late = end(core, { kind: 'failed', code: 'install-failed', description: 'no' });
  assert.equal([late.facts, late.effects], [[], []]);
  assert.equal([probed(core, 'not-installed').facts, report(core)?.status], [[], true]);
});

test('what a probe finds installed is not reported before the reboot that it needs', () => {
  const core = reboot(installing());
  const decided = probed(core, 'reboot-required');
  assert.equal(
    decided.facts.map(({ kind }) => kind),
    ['reboot-pending'],
  );
  assert.ok(kinds(decided.effects).includes('reboot'));
  assert.is(core.phase(ghc), 'rebooting');
  assert.is(report(core), undefined);
});

test('each start of one that ends in the middle is an attempt of its own, and they end', () => {
  const core = installing();
  const cut = { kind: 'interrupted', description: 'killed' } as const;
  for (let attempt = 2; attempt <= settings.installer.maxAttempts; attempt++) {
    const decided = end(core, cut);
    assert.equal(
      decided.facts.map((fact) => fact.kind === 'install-started' && fact.install.attempt),
      [attempt],
    );
    assert.equal(kinds(decided.effects), ['install']);
  }
  assert.equal(kinds(end(core, cut).effects), ['discard']);
  assert.is(report(core)?.status, false);
  assert.match(report(core)?.description ?? '', /^interrupted in attempt 3, the last one: killed$/);
});

test('an installer that is busy is tried again, and not for ever', () => {
  const core = installing();
  const busy = { kind: 'busy', reason: 'locked' } as const;
  let rounds = 0;
  for (; core.phase(ghc) === 'installing' && rounds < 100; rounds++) {
    end(core, busy);
    if (core.phase(ghc) === 'installing') {
      const done = kinds(core.wait(installerBusyDelayMs));
      assert.equal(
        done.filter((kind) => kind !== 'progress-ack'),
        ['install'],
      );
    }
  }
  assert.is(rounds, settings.installer.timeoutMs / installerBusyDelayMs);
  assert.match(report(core)?.description ?? '', /was busy until the time limit: locked/);
  assert.is(attempts(core), 1);
});

test('progress is shown while it installs, and not afterwards', () => {
  const core = installing();
  core.act({ kind: 'progress', id: ghc, percent: 40 });
  assert.is(core.running(ghc).percent, 40);
  end(core, { kind: 'installed', description: '' });
  core.act({ kind: 'progress', id: ghc, percent: 99 });
  assert.is(core.running(ghc).percent, undefined);
});

// ---------------------------------------------------------------- interruptions

test('after a cut the device is asked before anything is repeated', () => {
  const core = reboot(installing());
  assert.is(core.running(ghc).activity, 'probing');
  probed(core, 'installed');
  assert.equal([report(core)?.status, report(core)?.description], [true, 'installed']);
});

test('what is not there after a cut is verified again, then installed again', () => {
  for (const kind of ['not-installed', 'unknown'] as const) {
    const core = reboot(installing());
    assert.equal(kinds(probed(core, kind).effects), ['hash']);
    const number = transferNumber(core, ghc);
    const again = core.act({ kind: 'hashed', number, sha1: sumOf(2) });
    assert.is(only(again.effects, 'install')?.install.attempt, 2);
    assert.is(only(again.effects, 'install')?.install.before, '{}');
    assert.is(attempts(core), 2);
  }
});

test('what rotted between the attempts is received again, and never installed', () => {
  const chunk = reboot(installing());
  probed(chunk, 'not-installed');
  chunk.act({ kind: 'chunk-corrupt', number: transferNumber(chunk, ghc), chunkIndex: 1 });
  assert.is(chunk.phase(ghc), 'receiving');
  const whole = reboot(installing());
  probed(whole, 'not-installed');
  const number = transferNumber(whole, ghc);
  const decided = whole.act({ kind: 'hashed', number, sha1: 'e'.repeat(40) });
  assert.equal(kinds(decided.effects), ['discard']);
  assert.is(whole.phase(ghc), 'accepted');
});

test('data is not taken from under an installer or a probe', () => {
  for (const core of [installing(), reboot(installing())]) {
    const { activity } = core.running(ghc);
    const rotten = { kind: 'chunk-corrupt', number: transferNumber(core, ghc) } as const;
    assert.equal(core.act({ ...rotten, chunkIndex: 1 }).facts, []);
    assert.equal([core.phase(ghc), core.running(ghc).activity], ['installing', activity]);
  }
});

test('data that was lost with the cut is received again when the device does not have it', () => {
  const core = reboot(installing(), []);
  assert.is(core.running(ghc).activity, 'probing');
  const decided = probed(core, 'not-installed');
  assert.equal(decided.facts, [{ kind: 'transfer-discarded', id: ghc }]);
  link(core);
  assert.equal(kinds(core.wait(0)), ['request-start']);
  const there = reboot(installing(), []);
  probed(there, 'installed');
  assert.is(report(there)?.status, true);
});

test('cuts use up attempts, and then it is a failure', () => {
  let core = installing();
  for (let attempt = 2; attempt <= settings.installer.maxAttempts; attempt++) {
    const before = core;
    const next = reboot(before);
    probed(next, 'not-installed');
    next.act({ kind: 'hashed', number: transferNumber(next, ghc), sha1: sumOf(2) });
    core = createCore(settings, policy.replay([...before.facts, ...next.facts]));
    Object.assign(core, { facts: [...before.facts, ...next.facts] });
  }
  const last = reboot(core);
  probed(last, 'not-installed');
  assert.match(report(last)?.description ?? '', /interrupted in attempt 3, the last one/);
});

test('attempts that were cut count on when the data has to be received again', () => {
  const core = reboot(installing());
  probed(core, 'not-installed');
  core.act({ kind: 'hashed', number: transferNumber(core, ghc), sha1: 'e'.repeat(40) });
  link(core);
  const decided = install(core, ghc);
  assert.is(only(decided.effects, 'install')?.install.attempt, 2);
});

// ---------------------------------------------------------------- the history

test('the same bytes that failed so many times are refused and reported, not received', () => {
  const core = createLinked(settings, ghc);
  for (let attempt = 1; attempt <= settings.installer.maxAttempts; attempt++) {
    settle(core, ghc, false);
    assert.is(attempts(core), attempt);
    prove(core);
  }
  const decided = core.ask(startOf(ghc, 2));
  // Without a first ack a server would wait without a limit.
  assert.equal(kinds(decided.effects), ['ack']);
  assert.equal(codes(decided.effects), ['update-failed']);
  assert.is(report(core)?.status, false);
  assert.match(report(core)?.description ?? '', /attempted 3 times, last result: no; /);
});

test('another checksum, or a person, lets it be tried again', () => {
  const tired = () => {
    const core = createLinked(settings, ghc);
    for (let attempt = 1; attempt <= settings.installer.maxAttempts; attempt++) {
      settle(core, ghc, false);
      prove(core);
    }
    return core;
  };
  const other = tired().ask(startOf(ghc, 2, 'd'.repeat(40)));
  assert.equal(kinds(other.effects), ['reserve']);
  const forgiven = tired();
  forgiven.act({ kind: 'consent', id: ghc });
  assert.equal(kinds(forgiven.ask(startOf(ghc, 2)).effects), ['reserve']);
});

test('what was installed may be installed again as often as the server wants', () => {
  const core = createLinked(settings, ghc);
  for (let time = 0; time < 5; time++) {
    settle(core, ghc, true);
    prove(core);
  }
  settle(core, ghc, false);
  assert.is(attempts(core), 1);
  prove(core);
  assert.equal(kinds(core.ask(startOf(ghc, 2)).effects), ['reserve']);
});

test('an abort takes no attempt back', () => {
  const core = createLinked(settings, ghc);
  settle(core, ghc, false);
  prove(core);
  settle(core, ghc, false);
  prove(core);
  open(core, ghc, 2);
  core.ask({ kind: 'abort', id: undefined });
  assert.is(attempts(core), 2);
});

// ---------------------------------------------------------------- reboots

test('true is said only after the reboot that the installer asked for, and its check', () => {
  for (const ok of [true, false]) {
    const before = installing();
    const decided = end(before, { kind: 'reboot-required', description: '' });
    assert.equal(decided.facts, [{ kind: 'reboot-pending', id: ghc, bootId: 'boot-1' }]);
    assert.equal(kinds(decided.effects), ['reboot']);
    const core = reboot(before);
    assert.is(core.running(ghc).activity, 'checking');
    core.act({ kind: 'checked', id: ghc, ok, description: 'check' });
    assert.is(report(core)?.status, ok);
  }
});

test('a reboot that does not come is asked for again, and then counts as a failure', () => {
  const core = installing();
  end(core, { kind: 'reboot-required', description: '' });
  core.act({ kind: 'reboot-requested', id: ghc, ok: false, description: 'exit 1' });
  const again = core.wait(rebootRequestsMax * rebootDelayMs);
  assert.is(kinds(again).filter((kind) => kind === 'reboot').length, rebootRequestsMax - 1);
  assert.is(report(core)?.status, false);
  assert.match(report(core)?.description ?? '', /the device did not reboot/);
});

test('a restart of the agent in the same boot asks for the reboot again', () => {
  const before = installing();
  end(before, { kind: 'reboot-required', description: '' });
  const core = createCore(settings, policy.replay(before.facts));
  core.act({ kind: 'booted', bootId: 'boot-1', payloads: [] });
  assert.equal(kinds(core.wait(0)), ['reboot']);
});

const deny = (core: Core) => core.act({ kind: 'reboot-denied', id: ghc, reason: 'the car drives' });
/** Returns the time until the agent requests the reboot. */
function waitForReboot(core: Core): number {
  const stepMs = 1_000;
  for (let passedMs = stepMs; ; passedMs += stepMs) {
    if (kinds(core.wait(stepMs)).includes('reboot')) return passedMs;
    assert.ok(passedMs < 2 * rebootAllowDelayMsMax, 'it is not asked for');
  }
}
const packageIn = (core: Core) => statusOf(core).packages[0];

test('a reboot that is not allowed is asked for again, later each time, as no request', () => {
  const core = installing();
  end(core, { kind: 'reboot-required', description: '' });
  const waits: number[] = [];
  for (let times = 0; times < 4 * rebootRequestsMax; times++) {
    const denied = deny(core);
    assert.equal(denied.facts, []);
    waits.push(waitForReboot(core));
  }
  assert.is(waits[0], rebootAllowDelayMsMin);
  assert.equal(
    waits,
    waits.toSorted((a, b) => a - b),
  );
  assert.is(waits.at(-1), rebootAllowDelayMsMax);
  assert.is(report(core), undefined);
  // The reboot is permitted. The denials did not count as requests.
  core.act({ kind: 'reboot-requested', id: ghc, ok: true, description: '' });
  const again = core.wait(rebootRequestsMax * rebootDelayMs);
  assert.is(kinds(again).filter((kind) => kind === 'reboot').length, rebootRequestsMax - 1);
});

test('`why` names the reason for which the reboot waits, and when it is asked for again', () => {
  const core = installing();
  end(core, { kind: 'reboot-required', description: '' });
  deny(core);
  const one = packageIn(core);
  assert.match(one?.waitsFor ?? '', /permission to reboot: .* denied it: the car drives/);
  assert.is(one?.next, 'runs [reboot] allow again');
  assert.is(one?.nextInMs, rebootAllowDelayMsMin);
  core.act({ kind: 'reboot-requested', id: ghc, ok: true, description: '' });
  assert.is(packageIn(core)?.waitsFor, 'the reboot that the installer requires');
});

test('a restart in the same boot asks again whether a reboot is allowed', () => {
  const before = installing();
  end(before, { kind: 'reboot-required', description: '' });
  deny(before);
  const core = createCore(settings, policy.replay(before.facts));
  core.act({ kind: 'booted', bootId: 'boot-1', payloads: [] });
  assert.equal(kinds(core.wait(0)), ['reboot']);
  assert.equal(deny(core).facts, []);
});

test.run();
