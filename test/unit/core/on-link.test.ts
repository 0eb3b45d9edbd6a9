// Method: the link comes, goes and fails by hand; the jitter is a throw of 1/2 unless told.
import { reconnectDelayMsMax } from '../../../src/limits.ts';
import { assert, suite } from '../../support/suite.ts';
import {
  chunkOf,
  codes,
  createCore,
  createLinked,
  ghc,
  kinds,
  link,
  names,
  open,
  receive,
  settings,
  settle,
} from '../../support/core.ts';
import type { Core } from '../../support/core.ts';

const test = suite('on-link');
const registered = { kind: 'registered', names, vin: 'VIN45678901234567' } as const;
const register = (core: Core) => core.act({ ...registered, found: undefined });

test('registers as soon as the transport is up, and asks nothing before', () => {
  const core = createCore();
  core.act({ kind: 'booted', bootId: 'b', evidence: [] });
  assert.equal(core.wait(600_000), []);
  assert.equal(kinds(core.act({ kind: 'transport-up' }).effects), ['register']);
  assert.equal(codes(register(core).effects), ['registered']);
  assert.is(core.state().link.kind, 'up');
  assert.equal(core.state().names, names);
});

test('a configured VIN goes before the one in the names', () => {
  const vin = 'CONFIGURED1234567';
  const core = createCore({ ...settings, device: { vin, uuid: undefined } });
  link(core);
  assert.is(core.state().vin, vin);
});

test('renews the registration periodically, and says nothing of it', () => {
  const core = createLinked();
  for (let round = 0; round < 3; round++) {
    assert.equal(core.wait(settings.rvi.registerEveryMs - 1), []);
    assert.equal(kinds(core.wait(1)), ['register']);
    assert.equal(register(core).effects, []);
  }
});

test('says why the transport never came up', () => {
  const core = createCore();
  const { effects } = core.act({ kind: 'transport-down', reason: 'EADDRINUSE' });
  assert.equal(codes(effects), ['link-lost']);
  assert.equal(core.state().link, { kind: 'closed', reason: 'EADDRINUSE' });
});

test('a registration that a connection took along does not count', () => {
  const core = createCore();
  core.act({ kind: 'transport-up' });
  core.act({ kind: 'transport-down', reason: 'closed' });
  assert.equal(register(core).effects, []);
  assert.is(core.state().link.kind, 'closed');
});

test('a call that fails on a closed transport changes nothing: it comes back by itself', () => {
  const core = createCore();
  core.act({ kind: 'transport-down', reason: 'closed' });
  assert.equal(core.act({ kind: 'call-failed', reason: 'x' }).notes, []);
  assert.is(core.state().link.kind, 'closed');
});

test('registers again after a call that failed, later each time, without end', () => {
  const core = createLinked();
  const delays: number[] = [];
  for (let failures = 0; failures < 12; failures++) {
    core.act({ kind: 'call-failed', reason: 'refused' });
    const { link: now } = core.state();
    if (now.kind !== 'down') throw new Error(now.kind);
    delays.push(now.dueMs - core.nowMs);
    assert.equal(kinds(core.wait(now.dueMs - core.nowMs)), ['register']);
  }
  assert.equal(delays.slice(0, 4), [500, 1_000, 2_000, 4_000]);
  assert.is(delays.at(-1), reconnectDelayMsMax / 2);
});

test('an outage is one warning, and one line when it is over', () => {
  const core = createLinked();
  const said: string[] = [];
  for (let failures = 0; failures < 12; failures++) {
    const { effects } = core.act({ kind: 'call-failed', reason: 'refused' });
    said.push(...codes(effects.filter((one) => one.kind === 'log' && one.level !== 'debug')));
    core.wait(300_000);
  }
  said.push(...codes(register(core).effects));
  assert.equal(said, ['link-lost', 'registered']);
});

test('a node that takes registrations and nothing else is asked ever more rarely', () => {
  const core = createLinked(settings, ghc);
  const delays: number[] = [];
  for (let failures = 0; failures < 12; failures++) {
    core.act({ kind: 'call-failed', reason: 'status 1' });
    const { link: now } = core.state();
    delays.push(now.kind === 'down' ? now.dueMs - core.nowMs : 0);
    core.wait(300_000);
    register(core);
  }
  assert.is(delays.at(-1), reconnectDelayMsMax / 2);
});

test('and often again once the link has carried something', () => {
  for (const carry of ['sent', 'request'] as const) {
    const core = createLinked(settings, ghc);
    for (let failures = 0; failures < 8; failures++) {
      core.act({ kind: 'call-failed', reason: 'status 1' });
      core.wait(300_000);
      register(core);
    }
    if (carry === 'sent') core.act({ kind: 'sent', message: 'packages', id: undefined });
    else core.ask({ kind: 'getpackages' });
    core.act({ kind: 'call-failed', reason: 'refused' });
    const { link: now } = core.state();
    assert.is(now.kind === 'down' && now.failures, 1);
  }
});

test('what was said into an outage is said again when it is over', () => {
  const accepted = createLinked(settings, ghc);
  accepted.wait(1_000);
  const receiving = createLinked(settings, ghc);
  open(receiving, ghc, 3);
  receive(receiving, ghc, 1, 3);
  const settling = createLinked(settings, ghc);
  settle(settling, ghc);
  settling.wait(0);
  for (const [core, said] of [
    [accepted, 'ask-start'],
    [receiving, 'ack'],
    [settling, 'report'],
  ] as const) {
    core.act({ kind: 'transport-down', reason: 'closed' });
    assert.equal(kinds(core.wait(1_000)), []);
    link(core);
    assert.equal(kinds(core.wait(0)), [said]);
  }
});

test('a transfer goes on over a link that was lost, with every chunk it held', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 3);
  receive(core, ghc, 2, 3);
  core.act({ kind: 'transport-down', reason: 'closed' });
  link(core);
  assert.equal(kinds(core.wait(0)), ['ack']);
  assert.is(core.ask(chunkOf(ghc, 3, 3)).writes.length, 1);
});

test.run();
