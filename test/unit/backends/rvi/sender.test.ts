// Tests the sender with a node that answers when the test allows it. The test sets the committed
// state.
import { policy } from '../../../../src/agent/backend.ts';
import { createSender } from '../../../../src/backends/rvi/sender.ts';

import { assert, suite } from '../../../support/suite.ts';
import { createFakeClock, settle } from '../../../support/control.ts';
import { engine, held, opened } from '../../../support/store.ts';
import { createFakeNode, settingsOf } from '../../../support/daemon.ts';
import { defaultServices, namesOf } from '../../../../src/backends/rvi/codec/sota.ts';
import { withParts } from '../../../support/core.ts';
import type { RviState } from '../../../../src/backends/rvi/model.ts';
import type { Event, Fact } from '../../../../src/agent/backend.ts';
import type {} from '../../../../src/agent/backend.ts';
import type { Said } from '../../../support/daemon.ts';
import type { CallResult, Transport } from '../../../../src/backends/rvi/transport/transport.ts';

const test = suite('the speaker');
const name = (service: string) => `genivi.org/vin/V1/sota/${service}`;
const names = namesOf(name);
const other = { name: 'radio', version: '1' };
const ack = { kind: 'ack', id: engine, empty: false } as const;
const start = { kind: 'request-start', id: other } as const;
const report = { id: engine, status: true, code: 'ok', description: 'done' } as const;

function setUp(facts: readonly Fact[] = opened()) {
  const known = { ownServices: names, vin: 'V1' };
  let state = withParts(policy.applyAll(policy.initial, facts), known);
  const node = createFakeNode();
  const events: Event[] = [];
  let doubts = 0;
  const speaker = createSender({
    clock: createFakeClock(1_000_000),
    settings: settingsOf(),
    transport: node,
    builtMs: 0,
    state: () => state,
    submit: (event) => void events.push(event),
    onClockInDoubt: () => void (doubts += 1),
  });
  let release: ((result: CallResult | undefined) => void)[] = [];
  return {
    node,
    events,
    send: speaker.send,
    commit: (...more: readonly Fact[]) => void (state = policy.applyAll(state, more)),
    know: (more: Partial<RviState>) => void (state = withParts(state, more)),
    doubts: () => doubts,
    forget: (what: 'ownServices' | 'vin') => void (state = withParts(state, { [what]: undefined })),
    hold: () =>
      node.answer(
        () =>
          new Promise<CallResult>((resolve) => {
            release.push((result) => void resolve(result ?? { ok: true, text: okText }));
          }),
      ),
    async letGo(result?: CallResult) {
      const [first, ...rest] = release;
      release = rest;
      first?.(result);
      await settle();
    },
  };
}

const okText = '{"jsonrpc":"2.0","id":1,"result":{"status":0}}';
const lost: CallResult = { ok: false, code: 'closed', reason: 'the connection is closed' };
const servicesOf = (said: readonly Said[]) => said.map(({ service }) => service);
const chunksIn = (said: readonly Said[]) => said.map(({ body }) => body['chunks']);

test('says one thing at a time, in order', async () => {
  const one = setUp();
  one.hold();
  one.send(start);
  one.send(ack);
  one.send({ kind: 'send-inventory', packages: [engine] });
  await settle();
  assert.equal(servicesOf(one.node.said), ['start']);
  await one.letGo();
  assert.equal(servicesOf(one.node.said), ['start', 'ack']);
  await one.letGo();
  assert.equal(servicesOf(one.node.said), ['start', 'ack', 'packages']);
});

test('makes one ack of many, and spells it when it leaves', async () => {
  const one = setUp();
  one.hold();
  one.send(start);
  one.commit(held(1));
  one.send(ack);
  one.commit(held(2));
  one.send(ack);
  await settle();
  one.commit(held(3));
  await one.letGo();
  assert.equal(chunksIn(one.node.said.slice(1)), [[1, 2, 3]]);
  // A message in flight does not contain the chunks that arrive after it.
  one.commit(held(4));
  one.send(ack);
  await one.letGo();
  assert.equal(chunksIn(one.node.said.slice(1)), [
    [1, 2, 3],
    [1, 2, 3, 4],
  ]);
});

test('keeps acks of other packages apart', async () => {
  const one = setUp([...opened(), ...opened(2, 4, other), held(1), held(1, undefined, 2)]);
  one.hold();
  one.send(start);
  one.send(ack);
  one.send({ ...ack, id: other });
  await settle();
  await one.letGo();
  await one.letGo();
  assert.equal(
    one.node.said.slice(1).map(({ body }) => body['package']),
    [engine, other],
  );
});

test('says an empty list where that is the rung, the later wish counts', async () => {
  const one = setUp([...opened(), held(1)]);
  one.hold();
  one.send(start);
  one.send(ack);
  one.send({ ...ack, empty: true });
  await settle();
  await one.letGo();
  assert.equal(chunksIn(one.node.said.slice(1)), [[]]);
});

test('acks a chunk 0 only for a package that was not started', async () => {
  const accepted = setUp(opened().slice(0, 2));
  accepted.send({ kind: 'restart-ack', id: engine });
  await settle();
  assert.equal(chunksIn(accepted.node.said), [[0]]);
  const receiving = setUp();
  receiving.send({ kind: 'restart-ack', id: engine });
  await settle();
  assert.equal(receiving.node.said, []);
});

test('acks neither after the finish nor what is gone', async () => {
  const one = setUp([...opened(1, 1), held(1)]);
  one.commit({ kind: 'transfer-complete', number: 1 });
  one.send(ack);
  one.send({ ...ack, id: other });
  await settle();
  assert.equal(one.node.said, []);
  assert.equal(one.events, []);
});

test('registers all six services, in front of what waits for their names', async () => {
  const one = setUp();
  one.hold();
  one.send(start);
  one.send(ack);
  one.send({ kind: 'register' });
  one.send({ kind: 'register' });
  await settle();
  one.node.answer(undefined);
  await one.letGo();
  assert.equal(servicesOf(one.node.said).slice(0, 7), [
    'start',
    'notify',
    'start',
    'chunk',
    'finish',
    'getpackages',
    'abort',
  ]);
  assert.is(one.node.said[7]?.method, 'get_available_services');
  assert.is(one.node.said[8]?.service, 'ack');
  assert.is(one.node.said.length, 9);
  const registered = one.events.find(({ kind }) => kind === 'registered');
  const isServerListed = false;
  const found = undefined;
  assert.equal(registered, { kind: 'registered', names, vin: 'V1', found, isServerListed });
});

test('gives up what waits when a call fails, says so once, and speaks again later', async () => {
  const one = setUp();
  one.hold();
  one.send(start);
  one.send(ack);
  await settle();
  await one.letGo(lost);
  const reason = 'message: the connection is closed';
  const failed = { kind: 'call-failed', reason, code: 'closed', call: 'message' };
  assert.equal(one.events, [failed]);
  assert.is(one.node.said.length, 1);
  one.send(ack);
  await settle();
  assert.is(one.node.said.length, 2);
});

for (const [what, text, reason] of [
  ['an error', '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}', /no/],
  ['no JSON', 'nonsense', /JSON/],
] as const) {
  test(`counts ${what} as a call that failed`, async () => {
    const one = setUp();
    one.node.answer(() => ({ ok: true, text }));
    one.send(ack);
    await settle();
    const [event] = one.events;
    assert.is(event?.kind, 'call-failed');
    assert.match(event?.kind === 'call-failed' ? event.reason : '', reason);
  });
}

test('says of a report when it leaves, and that the node took it', async () => {
  const one = setUp();
  one.send({ kind: 'report', report });
  await settle();
  assert.equal(one.events, [
    { kind: 'report-in-flight', id: engine, leaving: true },
    { kind: 'report-in-flight', id: engine, leaving: false },
    { kind: 'dialect-used', dialect: 'P1' },
    { kind: 'sent', message: 'report', id: engine },
  ]);
});

test('sends nothing before it is registered; without a VIN it says why, and goes on', async () => {
  const one = setUp();
  one.forget('ownServices');
  one.send(ack);
  await settle();
  assert.equal(one.events, [{ kind: 'call-failed', reason: 'not registered' }]);
  const nameless = setUp();
  nameless.forget('vin');
  nameless.send(ack);
  nameless.send({ kind: 'send-inventory', packages: [] });
  await settle();
  const reason = 'no VIN: set [device] vin, or name it in the node service prefix';
  assert.equal(nameless.events, [
    { kind: 'message-blocked', id: engine, reason },
    { kind: 'message-blocked', id: undefined, reason },
  ]);
  assert.equal([...one.node.said, ...nameless.node.said], []);
});

test('is not registered by a name that would crash the node in the next start', async () => {
  const one = setUp();
  const result = { status: 0, service: 'genivi.org/vin/V1/s\ud800ta/start' };
  one.node.answer(() => ({ ok: true, text: JSON.stringify({ jsonrpc: '2.0', id: 1, result }) }));
  one.send({ kind: 'register' });
  await settle();
  assert.is(
    one.events.some(({ kind }) => kind === 'registered'),
    false,
  );
  assert.match(
    JSON.stringify(one.events),
    /contains no valid service: service: it contains an unpaired surrogate/,
  );
});

const services = Object.values(defaultServices('genivi.org/backend'));

for (const [what, listed, isServerListed] of [
  ['all of them', services, true],
  ['some of them', services.slice(1), false],
  ['none', [], false],
] as const) {
  test(`asks while the server is away which services there are: ${what}`, async () => {
    const one = setUp();
    one.know({ discoveredServices: defaultServices('genivi.org/backend') });
    one.send({ kind: 'register' });
    await settle();
    assert.is(one.node.said.at(-1)?.method, 'register_service', 'the names are known');
    one.know({ serverAvailability: { untilMs: 60_000, backMs: undefined } });
    const result = { status: 0, services: listed };
    one.node.answer(({ method }) => {
      const text = JSON.stringify({ jsonrpc: '2.0', id: 1, result });
      return method === 'get_available_services' ? { ok: true, text } : undefined;
    });
    one.send({ kind: 'register' });
    await settle();
    const last = one.events.at(-1);
    assert.is(last?.kind === 'registered' && last.isServerListed, isServerListed);
    assert.equal(last?.kind === 'registered' && last.found, defaultServices('genivi.org/backend'));
  });
}

test('tells that the node accepts messages where it did not', async () => {
  const one = setUp();
  one.send(ack);
  await settle();
  assert.is(
    one.events.some(({ kind }) => kind === 'message-accepted'),
    false,
  );
  one.know({ outage: { kind: 'message', reason: 'no answer' } });
  one.send(ack);
  await settle();
  assert.is(one.events.filter(({ kind }) => kind === 'message-accepted').length, 1);
});

test('tells which call failed, and when the clock may be the cause', async () => {
  const one = setUp();
  one.node.answer(() => ({ ok: false, code: 'tls', reason: 'x', isClockInDoubt: true }));
  one.send({ kind: 'register' });
  await settle();
  const reason = 'register_service: x';
  assert.equal(one.events, [{ kind: 'call-failed', reason, code: 'tls', call: 'register' }]);
  assert.is(one.doubts(), 1);
});

test('tells the transport how the node answers the registrations, and keeps its path', async () => {
  const secret = 'ab'.repeat(32);
  const told: string[] = [];
  const reasons: string[] = [];
  const node = createFakeNode();
  let path = secret;
  const transport: Transport = {
    ...node,
    get networkAddress() {
      return `http://h:1/${path}`;
    },
    onRegistration: (answer, address) => void told.push(`${answer} ${address}`),
  };
  const speaker = createSender({
    clock: createFakeClock(1_000_000),
    settings: settingsOf(),
    transport,
    builtMs: 0,
    state: () => policy.initial,
    submit: (event) => void (event.kind === 'call-failed' && reasons.push(event.reason)),
  });
  node.answer(({ service }) => {
    // The address changes in the middle; this registration keeps the address of its start.
    if (service === 'chunk') path = 'other';
    return undefined;
  });
  speaker.send({ kind: 'register' });
  await settle();
  const first = `http://h:1/${secret}`;
  assert.equal(told, [...Array.from({ length: 6 }, () => `begun ${first}`), `complete ${first}`]);
  node.answer(() => ({ ok: true, text: `{"error":"what is http://h:1/${secret}"}` }));
  path = secret;
  speaker.send({ kind: 'register' });
  await settle();
  assert.is(told.at(-1), `refused ${first}`);
  assert.is(reasons.length, 1);
  assert.match(reasons[0] ?? '', 'what is http://h:1/…');
});

test.run();
