// Tests the deadline of each state that waits: the test checks its owner, its time, and the effect
// when it passes.
import { policy } from '../../../src/agent/backend.ts';
import { isLinked } from '../../../src/backends/rvi/deadlines.ts';

import { listingDelayMs, listingsMax } from '../../../src/limits.ts';
import { reportDelayMsMin, reportSendsMax } from '../../../src/limits.ts';
import { assert, suite } from '../../support/suite.ts';
import {
  asking,
  codes,
  createCore,
  createLinked,
  ghc,
  install,
  kinds,
  link,
  names,
  open,
  receive,
  settings,
  settle,
} from '../../support/core.ts';
import type { Core } from '../../support/core.ts';

const test = suite('timers');
const next = (core: Core) => policy.deadlines(core.state()).map((deadline) => deadline.next);

test('nothing is due before the link is there, and then only its renewal', () => {
  assert.is(policy.nextDueMs(policy.initial), undefined);
  const core = createLinked();
  assert.equal(next(core), ['renews the registration']);
  assert.is(policy.nextDueMs(core.state()), core.nowMs + 0.95 * settings.rvi.registerIntervalMs);
});

test('silence may be a node that has forgotten us: it registers again before it asks', () => {
  const receiving = createLinked(settings, ghc);
  open(receiving, ghc, 3);
  receive(receiving, ghc, 1, 3);
  assert.equal(kinds(receiving.wait(settings.rvi.stallTimeoutMs)).slice(0, 2), ['register', 'ack']);
  const accepted = createLinked(settings, ghc);
  assert.equal(kinds(accepted.wait(0)), ['request-start']);
  assert.ok(kinds(accepted.wait(60_000)).includes('register'));
});

test('the answer is waited for from when the registration is done, however long that took', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 3);
  receive(core, ghc, 1, 3);
  core.wait(settings.rvi.stallTimeoutMs);
  core.nowMs += settings.rvi.stallTimeoutMs - 1;
  core.act({ kind: 'registered', names, vin: 'VIN45678901234567', found: undefined });
  assert.not.ok(kinds(core.wait(settings.rvi.stallTimeoutMs - 1)).includes('ack'));
  assert.ok(kinds(core.wait(1)).includes('ack'));
});

test('not where it has just registered, nor while it does', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 3);
  receive(core, ghc, 1, 3);
  core.act({ kind: 'transport-down', reason: 'cut' });
  core.act({ kind: 'transport-up' });
  assert.not.ok(kinds(core.wait(settings.rvi.stallTimeoutMs)).includes('register'));
  link(core);
  assert.not.ok(kinds(core.wait(0)).includes('register'));
});

test('each state that waits says what happens next', () => {
  const offered = createLinked(asking, ghc);
  assert.equal(next(offered), ['renews the registration']);
  const accepted = createLinked(settings, ghc);
  assert.ok(next(accepted).includes('requests the start'));
  const receiving = createLinked(settings, ghc);
  open(receiving, ghc, 2);
  assert.ok(next(receiving).includes('tries the next resume method'));
  receive(receiving, ghc, 2, 2);
  assert.ok(next(receiving).includes('verifies without a finish'));
  const busy = createLinked(settings, ghc);
  install(busy, ghc);
  assert.equal(next(busy), ['renews the registration', 'sends a progress ack']);
  busy.act({ kind: 'install-ended', id: ghc, verdict: { kind: 'busy', reason: '' } });
  assert.ok(next(busy).includes('starts the installer again'));
  const rebooting = createLinked(settings, ghc);
  install(rebooting, ghc);
  const verdict = { kind: 'reboot-required', description: '' } as const;
  rebooting.act({ kind: 'install-ended', id: ghc, verdict });
  assert.ok(next(rebooting).includes('requests the reboot again'));
  const reporting = createLinked(settings, ghc);
  settle(reporting, ghc);
  assert.ok(next(reporting).includes('sends the report'));
  const listing = createLinked();
  listing.ask({ kind: 'getpackages' });
  assert.ok(next(listing).includes('sends the inventory again'));
  const down = createLinked();
  down.act({ kind: 'call-failed', reason: 'refused' });
  assert.equal(next(down), ['registers with the node']);
});

test('what needs the link waits for it, what does not goes on', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 2);
  receive(core, ghc, 2, 2);
  core.act({ kind: 'transport-down', reason: 'closed' });
  assert.equal(next(core), ['verifies without a finish']);
  assert.not.ok(isLinked(core.state()));
});

test('a link that renews its registration still carries messages, a new one does not', () => {
  const core = createLinked();
  core.wait(settings.rvi.registerIntervalMs);
  assert.is(core.state().link.kind, 'registering');
  assert.ok(isLinked(core.state()));
  core.act({ kind: 'call-failed', reason: 'refused' });
  assert.not.ok(isLinked(core.state()));
  const fresh = createCore();
  fresh.act({ kind: 'transport-up' });
  assert.not.ok(isLinked(fresh.state()));
});

test('a tick acts on what is due, and on nothing else', () => {
  const core = createLinked(settings, ghc);
  const moment = { nowMs: core.nowMs, random: 0.5 };
  const decided = policy.decide(settings, core.state(), { kind: 'tick' }, moment);
  assert.equal(kinds(decided.effects), ['request-start']);
  const after = policy.applyAll(core.state(), decided.facts, decided.notes);
  assert.equal(policy.decide(settings, after, { kind: 'tick' }, moment).effects, []);
});

test('every deadline moves when it is acted on: the shell would tick for ever', () => {
  const core = createLinked(settings, ghc);
  settle(core, ghc);
  core.ask({ kind: 'getpackages' });
  for (let round = 0; round < 200; round++) {
    const before = policy.nextDueMs(core.state()) ?? 0;
    core.nowMs = Math.max(core.nowMs, before);
    let ticks = 0;
    while ((policy.nextDueMs(core.state()) ?? Infinity) <= core.nowMs && ticks < 10) {
      core.act({ kind: 'tick' });
      ticks += 1;
    }
    assert.ok(ticks < 10);
  }
});

test('a list of packages that the node does not take is made again, so many times', () => {
  const core = createLinked();
  core.ask({ kind: 'getpackages' });
  const effects = core.wait(2 * listingsMax * listingDelayMs);
  assert.is(kinds(effects).filter((kind) => kind === 'list-inventory').length, listingsMax - 1);
  assert.is(core.state().inventoryRequest, undefined);
  assert.equal(core.facts.at(-1), { kind: 'inventory-sent' });
});

test('a list that cannot be made is said in the log, and made again', () => {
  const core = createLinked();
  core.ask({ kind: 'getpackages' });
  const { effects } = core.act({ kind: 'inventory-failed', reason: 'opkg: exit 255' });
  assert.equal(codes(effects), ['inventory-failed']);
  assert.ok(kinds(core.wait(listingDelayMs)).includes('list-inventory'));
});

test('a report is said later each time, and to the limit', () => {
  const core = createLinked(settings, ghc);
  settle(core, ghc);
  let sends = 0;
  for (let hours = 0; hours < 24 * 14 && core.phase(ghc) !== undefined; hours++) {
    sends += kinds(core.wait(3_600_000)).filter((kind) => kind === 'report').length;
  }
  assert.is(sends, reportSendsMax);
  assert.is(core.phase(ghc), undefined);
  assert.equal(core.facts.at(-1), { kind: 'report-confirmed', id: ghc });
});

test('a report that cannot be spelt is owed for ever, and tried ever more rarely', () => {
  const core = createLinked(settings, ghc);
  settle(core, ghc);
  let sends = 0;
  for (let minutes = 0; minutes < 30 * 24 * 60; minutes += 10) {
    const reports = kinds(core.wait(600_000)).filter((kind) => kind === 'report').length;
    if (reports > 0) core.act({ kind: 'message-blocked', id: ghc, reason: 'no VIN' });
    sends += reports;
  }
  assert.ok(sends > 2 * reportSendsMax, `${sends} times`);
  assert.is(core.phase(ghc), 'reporting');
});

test('two reports are never closer than servers need', () => {
  const core = createCore(settings, undefined, 0);
  link(core);
  settle(core, ghc);
  core.wait(0);
  assert.equal(kinds(core.wait(reportDelayMsMin - 1)), []);
  assert.equal(kinds(core.wait(1)), ['report']);
});

test.run();
