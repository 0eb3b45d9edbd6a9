// Tests registration with the node: the test connects, disconnects and fails the link. The random
// value of the jitter is 1/2 unless a test sets it.
import { awayMsMax, awayRegisterEveryMs } from '../../../../src/limits.ts';
import { localOutageDelayMsMax, localOutageFailures } from '../../../../src/limits.ts';
import { localReconnectDelayMsMax } from '../../../../src/limits.ts';
import { reconnectDelayMsMax } from '../../../../src/limits.ts';
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
  names,
  open,
  receive,
  settings,
  settle,
  statusOf,
} from '../../../support/core.ts';
import type { Effect } from '../../../../src/agent/backend.ts';
import type { Core } from '../../../support/core.ts';

const test = suite('on-link');
const registered = { kind: 'registered', names, vin: 'VIN45678901234567' } as const;
const register = (core: Core) => core.act({ ...registered, found: undefined });

const view = statusOf;

test('registers as soon as the transport is up, and asks nothing before', () => {
  const core = createCore();
  core.act({ kind: 'booted', bootId: 'b', payloads: [] });
  assert.equal(core.wait(600_000), []);
  assert.equal(kinds(core.act({ kind: 'transport-up' }).effects), ['register']);
  assert.equal(codes(register(core).effects), ['registered']);
  assert.is(core.state().link.kind, 'up');
  assert.equal(core.state().ownServices, names);
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
    assert.equal(core.wait(settings.rvi.registerIntervalMs * 0.95 - 1), []);
    assert.equal(kinds(core.wait(1)), ['register']);
    assert.equal(register(core).effects, []);
  }
});

test('a renewal comes up to a tenth earlier, and never later than configured', () => {
  const { registerIntervalMs } = settings.rvi;
  const delays = [0, 0.25, 0.5, 0.999].map((roll) => {
    const core = createCore(settings, undefined, roll);
    link(core);
    const { link: now } = core.state();
    return now.kind === 'up' ? now.renewAtMs - core.nowMs : 0;
  });
  assert.is(delays[0], registerIntervalMs);
  assert.ok(delays.every((one) => one <= registerIntervalMs && one >= 0.9 * registerIntervalMs));
  assert.is(new Set(delays).size, delays.length);
});

test('says why the transport never came up', () => {
  const core = createCore();
  const { effects } = core.act({ kind: 'transport-down', reason: 'EADDRINUSE' });
  assert.equal(codes(effects), ['node-disconnected']);
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

const remote = {
  ...settings,
  rvi: { ...settings.rvi, url: 'https://node.example:8901' },
};

/** Returns the delays before the next registration, for one failure after another. */
function delaysOf(core: Core, failed: object, isRegistered: boolean, count = 12): number[] {
  const delays: number[] = [];
  for (let failures = 0; failures < count; failures++) {
    core.act({ kind: 'call-failed', reason: 'refused', ...failed });
    const { link: now } = core.state();
    if (now.kind !== 'down') throw new Error(now.kind);
    delays.push(now.dueMs - core.nowMs);
    assert.equal(kinds(core.wait(now.dueMs - core.nowMs)), ['register']);
    if (isRegistered) register(core);
  }
  return delays;
}

test('registers again after a call that failed, later each time, without end', () => {
  const delays = delaysOf(createLinked(remote), {}, false);
  assert.equal(delays.slice(0, 4), [500, 1_000, 2_000, 4_000]);
  assert.is(delays.at(-1), reconnectDelayMsMax / 2);
});

test('a local node that comes back is registered with soon, after long within a minute', () => {
  for (const url of [
    'http://127.0.0.1:8901',
    'https://127.0.0.1:8901',
    'ws://localhost:8908',
    'wss://[::1]:8908',
    'http://192.168.7.1:8901',
    'http://172.20.0.2:8901',
    'http://[fd00::1]:8901',
  ]) {
    const core = createLinked({ ...settings, rvi: { ...settings.rvi, url } }, ghc);
    const first = delaysOf(core, { call: 'message', code: 'refused' }, false, 1);
    const delays = delaysOf(core, { call: 'register', code: 'refused' }, false, 60);
    assert.ok(
      [...first, ...delays].every((one) => one <= localReconnectDelayMsMax),
      url,
    );
    const late = delaysOf(core, { call: 'register', code: 'refused' }, false, localOutageFailures);
    assert.is(late.at(-1), localOutageDelayMsMax / 2, url);
    assert.ok(Math.max(...late) <= localOutageDelayMsMax, url);
  }
  for (const url of ['http://172.32.0.1:8901', 'ws://node.example:8908', 'http://[2001:db8::1]/']) {
    const core = createLinked({ ...settings, rvi: { ...settings.rvi, url } });
    const delays = delaysOf(core, { call: 'register', code: 'refused' }, false);
    assert.is(delays.at(-1), reconnectDelayMsMax / 2, url);
  }
});

test('goes on registering while the server is away, so that it sees a node that ended', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 9);
  receive(core, ghc, 2, 9);
  const { start } = backend;
  core.ask({ kind: 'services-unavailable', services: [start] });
  // The agent sends no message to the server, but it registers with the node.
  assert.equal(kinds(core.wait(awayRegisterEveryMs - 1)), []);
  assert.equal(kinds(core.wait(1)), ['register']);
  core.act({ kind: 'call-failed', call: 'register', code: 'refused', reason: 'ECONNREFUSED' });
  core.wait(localReconnectDelayMsMax);
  core.act({ kind: 'call-failed', call: 'register', code: 'refused', reason: 'ECONNREFUSED' });
  core.wait(localReconnectDelayMsMax);
  // Node and server are available again.
  assert.equal(codes(register(core).effects), ['registered']);
  assert.equal(kinds(core.wait(0)), ['ack'], 'not only after the minute');
});

test('a node that restarted unnoticed tells by its list that the server is back', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 9);
  receive(core, ghc, 2, 9);
  core.ask({ kind: 'services-unavailable', services: [backend.start] });
  const renew = (isServerListed: boolean) =>
    core.act({ ...registered, found: undefined, isServerListed });
  assert.equal(kinds(core.wait(awayRegisterEveryMs)), ['register']);
  assert.equal(codes(renew(false).effects), []);
  assert.equal(kinds(core.wait(awayRegisterEveryMs)), ['register']);
  assert.equal(codes(renew(true).effects), ['server-online']);
  assert.is(core.state().serverAvailability.untilMs, undefined);
  assert.equal(kinds(core.wait(10_000)).at(-1), 'ack');
});

test('registers no more often than every 10 s, and as ever when the minute is over', () => {
  const core = createLinked();
  core.ask({ kind: 'services-unavailable', services: [backend.start] });
  let count = 0;
  for (let seconds = 0; seconds < 120; seconds++) {
    for (const kind of kinds(core.wait(1_000))) {
      assert.is(kind, 'register');
      count += 1;
      register(core);
    }
  }
  assert.is(count, awayMsMax / awayRegisterEveryMs);
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
  assert.equal(said, ['node-disconnected', 'registered']);
});

test('a node that takes registrations and nothing else is asked ever more rarely', () => {
  const failed = { call: 'message', code: 'timeout' };
  const delays = delaysOf(createLinked(remote, ghc), failed, true);
  assert.is(delays.at(-1), reconnectDelayMsMax / 2);
  const local = delaysOf(createLinked(settings, ghc), failed, true);
  assert.is(local.at(-1), localOutageDelayMsMax / 2);
});

const loud = ({ effects }: { readonly effects: readonly Effect[] }) =>
  codes(effects.filter((one) => one.kind === 'log' && one.level !== 'debug'));

for (const [what, code] of [
  ['never answers a message', 'timeout'],
  ['closes the connection at each message', 'closed'],
  ['answers a message by a status', undefined],
] as const) {
  test(`a node that ${what} is told once, until it accepts one`, () => {
    const core = createLinked(settings, ghc);
    const said: string[] = [];
    const fail = { kind: 'call-failed', call: 'message', code, reason: 'message: no' } as const;
    for (let failures = 0; failures < 12; failures++) {
      said.push(...loud(core.act(fail)));
      core.wait(300_000);
      said.push(...loud(register(core)));
      assert.match(view(core).link.detail, 'does not accept messages (message: no)');
      assert.match(view(core).packages[0]?.waitsFor ?? '', 'the node to accept messages');
      // A delivery from the node does not prove that the node accepts messages.
      said.push(...loud(core.ask({ kind: 'abort', id: { name: 'other', version: '1' } })));
    }
    assert.equal(
      said.filter((one) => one !== 'abort-ignored'),
      ['node-disconnected'],
    );
    const over = core.act({ kind: 'message-accepted' });
    assert.equal(loud(over), ['registered']);
    assert.equal(loud(core.act({ kind: 'message-accepted' })), []);
    assert.is(view(core).link.detail, 'registered');
    assert.equal(loud(core.act(fail)), ['node-disconnected'], 'the next outage is a new one');
  });
}

test('a connection that breaks at each message is not told as registered each time', () => {
  const core = createLinked(settings, ghc);
  const said: string[] = [];
  for (let failures = 0; failures < 5; failures++) {
    said.push(...loud(core.act({ kind: 'transport-down', reason: 'nothing came for 20000 ms' })));
    core.act({ kind: 'call-failed', call: 'message', code: 'closed', reason: 'message: closed' });
    core.act({ kind: 'transport-up' });
    said.push(...loud(register(core)));
  }
  assert.equal(said, ['node-disconnected']);
  assert.equal(loud(core.act({ kind: 'message-accepted' })), ['registered']);
});

test('where nothing is to be sent a registration ends the outage', () => {
  const core = createLinked();
  core.act({ kind: 'call-failed', call: 'message', code: 'closed', reason: 'reset' });
  core.wait(300_000);
  assert.equal(loud(register(core)), ['registered']);
  // If the connection was refused, a registration also ends the outage.
  const wanted = createLinked(settings, ghc);
  wanted.act({ kind: 'call-failed', call: 'message', code: 'refused', reason: 'ECONNREFUSED' });
  wanted.wait(300_000);
  assert.equal(loud(register(wanted)), ['registered']);
});

test('when the clock is set a waiting registration goes out at once', () => {
  const core = createLinked(remote);
  for (let failures = 0; failures < 12; failures++) {
    core.act({ kind: 'call-failed', call: 'register', code: 'tls', reason: 'not yet valid' });
    if (failures < 11) core.wait(300_000);
  }
  assert.equal(kinds(core.act({ kind: 'clock-stepped' }).effects), ['register']);
  register(core);
  assert.equal(core.act({ kind: 'clock-stepped' }).effects, [], 'a sound link is left alone');
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
  const reporting = createLinked(settings, ghc);
  settle(reporting, ghc);
  reporting.wait(0);
  for (const [core, said] of [
    [accepted, 'request-start'],
    [receiving, 'ack'],
    [reporting, 'report'],
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

test('registers again when its address has changed, and disturbs nothing', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 3);
  assert.equal(kinds(core.act({ kind: 'register-again' }).effects), ['register']);
  assert.equal(core.state().link, { kind: 'registering', failures: 0, isRenewal: true });
  assert.equal(register(core).effects, []);
  assert.is(core.state().link.kind, 'up');
  core.act({ kind: 'call-failed', reason: 'refused' });
  assert.equal(kinds(core.act({ kind: 'register-again' }).effects), ['register']);
  assert.equal(core.state().link, { kind: 'registering', failures: 1, isRenewal: false });
  core.act({ kind: 'transport-down', reason: 'closed' });
  assert.equal(core.act({ kind: 'register-again' }).effects, []);
});

test('counts refused requests, and writes nothing for them', () => {
  const core = createLinked(settings, ghc);
  const before = core.state().counters.refused;
  const { facts, writes, effects } = core.act({ kind: 'refused', count: 7 });
  assert.equal([facts, writes, effects], [[], [], []]);
  assert.is(core.state().counters.refused, before + 7);
});

test.run();
