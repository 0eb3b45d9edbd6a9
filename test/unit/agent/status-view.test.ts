// Tests the status that a user sees, phase by phase.
import { assert, suite } from '../../support/suite.ts';
import {
  asking,
  complete,
  createCore,
  createLinked,
  ghc,
  install,
  open,
  receive,
  settings,
  settle,
  startOf,
  vim,
  statusOf,
} from '../../support/core.ts';
import type { Core } from '../../support/core.ts';

const test = suite('describe');

const shown = statusOf;

test('says of each phase what it waits for', () => {
  const waitsFor = (core: Core) => shown(core).packages[0]?.waitsFor ?? '';
  assert.match(waitsFor(createLinked(asking, ghc)), 'consent');
  const core = createLinked(settings, ghc);
  assert.match(waitsFor(core), 'the server to start');
  core.ask(startOf(ghc, 3));
  assert.match(waitsFor(core), 'reserving (in progress');
  const receiving = createLinked(settings, ghc);
  open(receiving, ghc, 2);
  assert.match(waitsFor(receiving), "an answer to the ack 'empty'");
  receive(receiving, ghc, 1, 2);
  assert.match(waitsFor(receiving), 'the next chunk');
  receive(receiving, ghc, 2, 2);
  receiving.ask({ kind: 'finish', id: ghc });
  assert.match(waitsFor(receiving), 'the checksum');
  const verified = createLinked(settings, ghc);
  open(verified, ghc, 2);
  complete(verified, ghc, 2);
  assert.match(waitsFor(verified), 'preparing (in progress');
  const settled = createLinked(settings, ghc);
  settle(settled, ghc);
  assert.match(waitsFor(settled), 'confirmation');
  settled.act({ kind: 'message-blocked', id: ghc, reason: 'no VIN' });
  assert.is(waitsFor(settled), 'no VIN');
});

test('counts chunks, and the one of an empty file', () => {
  const core = createLinked(settings, ghc, vim);
  open(core, ghc, 3);
  receive(core, ghc, 2, 3);
  open(core, vim, 0);
  const [first, second] = shown(core).packages;
  assert.equal([first?.chunksHeld, first?.chunksCount], [2, 3]);
  assert.equal([second?.chunksHeld, second?.chunksCount], [0, 1]);
});

test('says what comes next, and when', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 3);
  core.nowMs += 4_000;
  const [one] = shown(core).packages;
  assert.equal([one?.next, one?.nextInMs], ['tries the next resume method', 6_000]);
  const still = createLinked(asking, ghc);
  assert.is(shown(still).packages[0]?.nextInMs, undefined);
});

test('shows an install that tells, what is owed, and what was', () => {
  const core = createLinked(settings, ghc);
  install(core, ghc);
  core.act({ kind: 'progress', id: ghc, percent: 30 });
  assert.is(shown(core).packages[0]?.installPercent, 30);
  core.act({ kind: 'install-ended', id: ghc, verdict: { kind: 'installed', description: 'ok' } });
  core.wait(0);
  const { reports, history } = shown(core);
  assert.equal(
    [reports[0]?.status, reports[0]?.attempts, reports[0]?.description],
    [true, 1, 'ok'],
  );
  assert.equal([history[0]?.outcome, history[0]?.attempts], ['installed', 1]);
});

test('says how the link is, and does not know it from flash', () => {
  const core = createCore();
  assert.is(shown(core).link.kind, 'down');
  core.act({ kind: 'transport-up' });
  assert.is(shown(core).link.kind, 'registering');
  const linked = createLinked();
  assert.is(shown(linked).link.kind, 'up');
  linked.act({ kind: 'call-failed', reason: 'refused' });
  assert.equal(shown(linked).link, { kind: 'down', detail: 'refused (1 failures in a row)' });
  assert.is(shown(linked, 'flash').link.kind, 'unknown');
  assert.is(shown(linked).vehicle.vin, 'VIN45678901234567');
});

test('tells whether a notify named the services', () => {
  assert.is(shown(createLinked()).backend.servicesFrom, 'configuration');
  assert.is(shown(createLinked(settings, ghc)).backend.servicesFrom, 'notify');
});

test.run();
