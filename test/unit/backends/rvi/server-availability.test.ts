// Tests the node's messages about available services in every state that waits for the server. A
// manual clock shows what the agent sends too early or too late.
import { announcedWithinMs } from '../../../../src/limits.ts';
import { returnDelayMsMax, returnDelayMsMin, awayMsMax } from '../../../../src/limits.ts';
import { assert, suite } from '../../../support/suite.ts';
import {
  backend,
  chunkOf,
  codes,
  createCore,
  createLinked,
  ghc,
  kinds,
  link,
  offer,
  open,
  receive,
  settings,
  settle,
} from '../../../support/core.ts';
import type { Core } from '../../../support/core.ts';

const test = suite('services that come and go');

const names = Object.values(backend);
const tell = (core: Core, kind: 'services-available' | 'services-unavailable', name: string) =>
  core.ask({ kind, services: [name] });
const comeBack = (core: Core) =>
  names.flatMap((name) => codes(tell(core, 'services-available', name).effects));
const goAway = (core: Core) =>
  names.flatMap((name) => codes(tell(core, 'services-unavailable', name).effects));
const said = (core: Core, ms: number) => kinds(core.wait(ms)).filter((kind) => kind !== 'register');

/** Creates a package after many unanswered start requests; the next request is minutes away. */
function wanted(roll = 0.99): Core {
  const core = createCore(settings, undefined, roll);
  core.act({ kind: 'booted', bootId: 'b', payloads: [] });
  link(core);
  core.ask(offer(ghc));
  core.wait(3_600_000);
  return core;
}

test('what waits for the server is said within seconds of its return, and not before', () => {
  const core = wanted();
  const before = core.running(ghc).deadlineMs ?? 0;
  assert.ok(before > core.nowMs + returnDelayMsMax, 'it would wait longer');
  assert.equal(comeBack(core)[0], 'server-online');
  assert.equal(said(core, returnDelayMsMin - 1), [], 'the other services are to come first');
  assert.equal(said(core, returnDelayMsMax), ['request-start']);
});

test('a fleet does not return in one instant', () => {
  const due = [0, 0.5, 0.99].map((roll) => {
    const core = wanted(roll);
    core.ask({ kind: 'services-available', services: names });
    return (core.running(ghc).deadlineMs ?? 0) - core.nowMs;
  });
  assert.equal(new Set(due).size, 3);
  assert.ok(
    due.every((ms) => ms <= returnDelayMsMax),
    due.join(),
  );
});

test('four announcements are one return; a later one counts again', () => {
  const core = wanted();
  const told = comeBack(core);
  assert.equal(told.filter((code) => code === 'server-online').length, 1);
  core.wait(settings.rvi.stallTimeoutMs);
  assert.equal(comeBack(core)[0], 'server-online');
});

test('an absence that its end has overtaken is none', () => {
  const core = wanted();
  goAway(core);
  comeBack(core);
  core.nowMs += 500;
  const late = tell(core, 'services-unavailable', backend.ack);
  assert.equal(codes(late.effects), ['services-unavailable']);
  assert.equal(said(core, returnDelayMsMax), ['request-start']);
  core.nowMs += announcedWithinMs;
  assert.equal(goAway(core)[0], 'server-offline');
});

test('services of others move nothing', () => {
  const core = wanted();
  const { deadlineMs } = core.running(ghc);
  const decided = tell(core, 'services-available', 'genivi.org/backend/other/start');
  assert.equal(codes(decided.effects), ['services-available']);
  assert.is(core.running(ghc).deadlineMs, deadlineMs);
  const unnamed = createLinked();
  const early = tell(unnamed, 'services-available', 'genivi.org/backend/sota/start');
  assert.equal(codes(early.effects), ['server-online'], 'before a notify: those of rvi.backend');
});

test('a transfer that moves is left alone, a silent one is asked', () => {
  const moving = createLinked(settings, ghc);
  open(moving, ghc, 5);
  receive(moving, ghc, 2, 5);
  comeBack(moving);
  assert.equal(said(moving, settings.rvi.stallTimeoutMs - 1), []);
  const silent = createLinked(settings, ghc);
  open(silent, ghc, 5);
  receive(silent, ghc, 2, 5);
  silent.wait(1_800_000);
  comeBack(silent);
  assert.equal(said(silent, returnDelayMsMax), ['ack']);
});

test('a report that nothing proves is said again at once, and counted on', () => {
  const core = createLinked(settings, ghc);
  settle(core, ghc);
  core.wait(3_600_000);
  core.act({ kind: 'sent', message: 'report', id: ghc });
  const { attempts = 0 } = core.running(ghc);
  comeBack(core);
  assert.equal(said(core, returnDelayMsMax), ['report']);
  assert.is(core.running(ghc).attempts, attempts + 1);
});

test('while the server is away nothing is said to it, but not for ever', () => {
  const core = createLinked(settings, ghc);
  assert.equal(goAway(core), ['server-offline', ...names.slice(1).map(() => 'server-offline')]);
  assert.equal(said(core, awayMsMax - 1), []);
  assert.equal(said(core, 1), ['request-start'], 'the word that it is back may be lost');
});

test('nor where a transfer is silent, or a report is owed', () => {
  const silent = createLinked(settings, ghc);
  open(silent, ghc, 5);
  const owed = createLinked(settings, ghc);
  settle(owed, ghc);
  for (const core of [silent, owed]) {
    goAway(core);
    assert.equal(said(core, awayMsMax - 1), []);
    assert.is.not(said(core, 1).length, 0);
  }
});

test('a message of the server, or a new link, says that it is there', () => {
  for (const come of [
    (core: Core) => void core.ask(chunkOf(ghc, 1, 5)),
    (core: Core) => {
      core.act({ kind: 'transport-down', reason: 'lost' });
      link(core);
    },
  ]) {
    const core = createLinked(settings, ghc);
    open(core, ghc, 5);
    goAway(core);
    come(core);
    assert.is(core.state().serverAvailability.untilMs, undefined);
    assert.ok(said(core, settings.rvi.stallTimeoutMs).includes('ack'));
  }
});

test.run();
