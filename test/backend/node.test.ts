// Tests the node with direct calls: what it answers, delivers, queues and loses (protocol 1).
import { createNode } from './node.ts';
import { assert, suite } from '../support/suite.ts';
import { createVirtualClock, vin } from './fakes.ts';
import type { NodeKind } from './node-rules.ts';
import type { Fault, Passing } from './node.ts';

const test = suite('the node');
const prefix = `genivi.org/vin/${vin}`;
const ack = 'genivi.org/backend/sota/ack';
const report = 'genivi.org/backend/sota/report';
const startMs = 1_400_000_000_000;
const inMinutes = (minutes: number) => (startMs + minutes * 60_000) / 1_000;

function createRig(kind: NodeKind, fault?: (message: Passing) => Fault) {
  const clock = createVirtualClock();
  const delivered: unknown[] = [];
  const reached: unknown[] = [];
  const node = createNode(
    { kind, prefix, backend: [ack, report], ...(fault === undefined ? {} : { fault }) },
    {
      nowMs: () => startMs + clock.nowMs(),
      after: clock.after,
      onMessage: (name, parameters) => reached.push([name, parameters]),
      onRegistered: () => undefined,
    },
  );
  const routeTo = (name: string) => () => ({
    name,
    post: (text: string) => delivered.push(JSON.parse(text)),
  });
  const call = (method: string, params: unknown, from = 'a') =>
    node.call(JSON.stringify({ jsonrpc: '2.0', id: 7, method, params }), routeTo(from));
  const register = (service: string, from = 'a') => {
    call('register_service', { service }, from);
    clock.pass(0);
  };
  const message = (name: unknown, timeout: unknown, parameters: unknown) =>
    call('message', { service_name: name, timeout, parameters });
  const came = (list: unknown[]) => list.splice(0);
  return {
    node,
    clock,
    call,
    register,
    message,
    raw: (text: string) => node.call(text, () => undefined),
    delivered: () => came(delivered),
    reached: () => came(reached),
  };
}

const json = (text: string) => ({ kind: 'json', text });
const result = (members: string) => json(`{"jsonrpc":"2.0","id":7,"result":{${members}}}`);
const refused = (code: number, id = '') =>
  json(`{"jsonrpc":"2.0",${id}"error":{"code":${code},"message":"json error"}}`);
const closed = { kind: 'closed' };
const full = `${prefix}/sota/notify`;

test('register_service answers the full name, in the order and company of its release', () => {
  const answers = (kind: NodeKind) =>
    createRig(kind).call('register_service', { service: '/sota/notify' });
  assert.equal(answers('0.3'), result(`"service":"${full}","status":0`));
  assert.equal(answers('0.4'), result(`"status":0,"service":"${full}"`));
  assert.equal(
    answers('0.5.1'),
    result(`"status":0,"service":"${full}","method":"register_service"`),
  );
});

test('a name is prefixed whatever it looks like', () => {
  const { call } = createRig('0.4');
  const named = (service: string, name: string) =>
    assert.equal(
      call('register_service', { service }),
      result(`"status":0,"service":"${prefix}/${name}"`),
    );
  named('sota/y', 'sota/y');
  named('/sota/y', 'sota/y');
  named(full, full);
});

test('message is answered with a number, but for 0.3', () => {
  const rig = (kind: NodeKind) => createRig(kind).message(ack, inMinutes(1), [{}]);
  assert.equal(rig('0.3'), result('"status":0'));
  assert.equal(rig('0.4'), result('"status":0,"transaction_id":1'));
  assert.equal(rig('0.5.1'), result('"status":0,"transaction_id":1,"method":"message"'));
});

test('missing parameters are an error of the handler', () => {
  const { call, raw } = createRig('0.4');
  const wanted = refused(-32603, '"id":7,');
  assert.equal(call('register_service', {}), wanted);
  assert.equal(call('unregister_service', {}), wanted);
  assert.equal(call('message', { service_name: ack, timeout: 1 }), wanted);
  assert.equal(call('message', { service_name: ack, parameters: [{}] }), wanted);
  assert.equal(call('message', { timeout: 1, parameters: [{}] }), wanted);
  assert.equal(call('message', []), wanted);
  const params = { service: '/a' };
  const nowhere = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'register_service', params });
  assert.equal(raw(nowhere), wanted);
});

test('an unknown method is a result with status 1', () => {
  assert.equal(createRig('0.4').call('nothing', {}), result('"status":1'));
  assert.equal(createRig('0.4').call('get_node_service_prefix', {}), result('"status":1'));
});

test('an envelope that lacks something is refused without an id', () => {
  for (const kind of ['0.4', '0.5.1'] as const) {
    const { raw } = createRig(kind);
    const call = { jsonrpc: '2.0', id: 7, method: 'message', params: {} };
    for (const name of ['jsonrpc', 'method', 'params']) {
      const { [name]: _, ...rest }: { [key: string]: unknown } = call;
      assert.equal(raw(JSON.stringify(rest)), refused(-32700), name);
    }
    assert.equal(raw('[]'), refused(-32700));
    assert.equal(raw('null'), refused(-32700));
    assert.equal(raw(JSON.stringify({ ...call, jsonrpc: '1.0' })), refused(-32700));
  }
});

test('text that is no JSON is an internal error, since 0.5.1 a refusal', () => {
  assert.equal(createRig('0.4').raw('{"jsonrpc"'), { kind: 'internal-error' });
  assert.equal(createRig('0.5.1').raw('{"jsonrpc"'), refused(-32700));
});

test('a call without an id is answered by nothing and does nothing', () => {
  const { raw, clock, reached } = createRig('0.4');
  const params = { service_name: ack, timeout: inMinutes(1), parameters: [{}] };
  const text = JSON.stringify({ jsonrpc: '2.0', method: 'message', params });
  assert.equal(raw(text), { kind: 'nothing' });
  clock.pass(1_000);
  assert.equal(reached(), []);
});

test('an id is echoed as it came', () => {
  const { raw } = createRig('0.4');
  for (const id of ['2649007917144', '"a\\"b"', 'null', '-1', '{"a":[1]}']) {
    assert.equal(
      raw(`{"jsonrpc":"2.0","id":${id},"method":"x","params":{}}`),
      json(`{"jsonrpc":"2.0","id":${id},"result":{"status":1}}`),
    );
  }
});

test('services are listed by their full names, those of the backend while the link is up', () => {
  const { node, register, call } = createRig('0.4');
  register('/sota/notify');
  const listed = (...names: readonly string[]) =>
    result(`"status":0,"services":${JSON.stringify(names)}`);
  assert.equal(call('get_available_services', {}), listed(full, ack, report));
  node.setLink(false);
  assert.equal(call('get_available_services', {}), listed(full));
});

test('unregister_service believes the full name only, and answers 0 to any', () => {
  const { node, register, call } = createRig('0.4');
  register('/sota/notify');
  assert.equal(call('unregister_service', { service: '/sota/notify' }), result('"status":0'));
  assert.equal(node.registered(), ['/sota/notify']);
  assert.equal(call('unregister_service', { service: full }), result('"status":0'));
  assert.equal(node.registered(), []);
});

test('a delivery has the short name, the id 1 and no timeout', () => {
  const { node, register, delivered } = createRig('0.4');
  register('/sota/notify');
  node.deliver('/sota/notify', [{ a: 1 }], 1_000);
  const params = { service_name: '/sota/notify', parameters: [{ a: 1 }] };
  assert.equal(delivered(), [{ jsonrpc: '2.0', id: 1, method: 'message', params }]);
});

test('the last one that registers gets the deliveries', () => {
  const clients: string[] = [];
  const { node, clock } = createRig('0.4');
  const call = { jsonrpc: '2.0', id: 7, method: 'register_service', params: { service: '/a' } };
  for (const name of ['first', 'second']) {
    node.call(JSON.stringify(call), () => ({ name, post: () => clients.push(name) }));
  }
  clock.pass(0);
  node.deliver('/a', [null], 1_000);
  assert.equal(clients, ['second']);
});

test('an empty list and a list of bytes arrive as strings, in both directions, on 0.4', () => {
  const inout = (kind: NodeKind, parameters: unknown) => {
    const { node, register, message, clock, delivered, reached } = createRig(kind);
    register('/a');
    node.deliver('/a', parameters, 1_000);
    message(ack, inMinutes(1), parameters);
    clock.pass(0);
    const [posted] = delivered().map((one) => JSON.stringify(one));
    return [/"parameters":(.*)\}\}$/.exec(posted ?? '')?.[1], reached()];
  };
  assert.equal(inout('0.4', []), ['""', [[ack, '']]]);
  assert.equal(inout('0.4', [1]), ['"\\u0001"', [[ack, '\u0001']]]);
  assert.equal(inout('0.4', [null]), ['[null]', [[ack, [null]]]]);
  assert.equal(inout('0.4', [{ chunks: [] }]), ['[{"chunks":[]}]', [[ack, [{ chunks: [] }]]]]);
  assert.equal(inout('0.5.1', []), ['[]', [[ack, []]]]);
  assert.equal(inout('0.5.1', { a: 1 }), ['{"a":1}', [[ack, { a: 1 }]]]);
});

type Crash = readonly [says: string, text: string, after051: unknown];
const messageText = (timeout: string, parameters: string, name = ack) =>
  `{"jsonrpc":"2.0","id":7,"method":"message","params":{"service_name":"${name}",` +
  `"timeout":${timeout},"parameters":${parameters}}}`;
const sent = result('"status":0,"transaction_id":1,"method":"message"');
const crashes: readonly Crash[] = [
  ['a timeout as text', messageText('"1"', '[{}]'), refused(-32603, '"id":7,')],
  ['no timeout but null', messageText('null', '[{}]'), refused(-32603, '"id":7,')],
  ['half a surrogate pair', messageText('9', '[{"a":"\\ud83d"}]'), sent],
  ['an escaped surrogate pair', messageText('9', '[{"a":"\\uD83D\\uDE00"}]'), sent],
  ['milliseconds for nobody', messageText(`${startMs}`, '[{}]', 'nobody'), sent],
  ['the past for nobody', messageText(`${inMinutes(-1)}`, '[{}]', 'nobody'), sent],
];

for (const [says, text, after051] of crashes) {
  test(`${says} crashes the edge of 0.4: registrations are gone, though still listed`, () => {
    const { node, register, call, delivered, raw } = createRig('0.4');
    register('/sota/notify');
    assert.equal(raw(text), closed);
    assert.equal(node.registered(), []);
    const listed = JSON.stringify([full, ack, report]);
    assert.equal(call('get_available_services', {}), result(`"status":0,"services":${listed}`));
    node.deliver('/sota/notify', [null], 60_000);
    register('/sota/notify');
    assert.equal(delivered(), []);
    assert.is(node.lost(), 1);
    assert.equal(createRig('0.5.1').raw(text), after051);
  });
}

test('a bare object crashes the scheduler of 0.4 only', () => {
  const { node, register, raw } = createRig('0.4');
  register('/sota/notify');
  assert.equal(raw(messageText('9', '{}')), closed);
  assert.equal(node.registered(), ['/sota/notify']);
});

test('a timeout in the past or in milliseconds arrives when somebody is there', () => {
  const { message, clock, reached } = createRig('0.4');
  message(ack, inMinutes(-1), [{}]);
  message(ack, startMs, [{}]);
  message(ack, 1.5, [{}]);
  clock.pass(0);
  assert.is(reached().length, 3);
});

test('while the link is down both sides queue until the timeout', () => {
  const { node, register, message, clock, delivered, reached } = createRig('0.4');
  register('/sota/notify');
  node.setLink(false);
  message(ack, inMinutes(1), ['late']);
  message(ack, inMinutes(5), ['in time']);
  // More than a day ago: milliseconds from the present.
  message(report, 240_000, ['relative']);
  node.deliver('/sota/notify', ['late'], 60_000);
  node.deliver('/sota/notify', ['in time'], 300_000);
  clock.pass(120_000);
  delivered();
  assert.equal(reached(), []);
  node.setLink(true);
  assert.equal(reached(), [
    [ack, ['in time']],
    [report, ['relative']],
  ]);
  assert.match(JSON.stringify(delivered()), /"parameters":\["in time"\]/);
  assert.is(node.lost(), 2);
});

test('what comes for a service that was never registered waits for it', () => {
  const { node, register, clock, delivered } = createRig('0.4');
  node.deliver('/sota/notify', ['late'], 60_000);
  node.deliver('/sota/notify', ['in time'], 300_000);
  clock.pass(60_000);
  register('/sota/start');
  assert.equal(delivered(), []);
  register('/sota/notify');
  assert.is(delivered().length, 1);
});

test('a restart forgets registrations and what is queued here, not what the backend queues', () => {
  const { node, register, message, clock, delivered, reached } = createRig('0.4');
  register('/sota/notify');
  node.setLink(false);
  message(ack, inMinutes(5), [{}]);
  delivered();
  node.restart();
  node.setLink(true);
  node.deliver('/sota/notify', [null], 300_000);
  clock.pass(1_000);
  assert.equal([reached(), delivered()], [[], []]);
  register('/sota/notify');
  assert.is(delivered().length, 1);
});

test('changes of the link are told service by service, once to each client', () => {
  const { node, register, delivered } = createRig('0.4');
  register('/sota/notify');
  register('/sota/start');
  register('/sota/chunk', 'b');
  assert.equal(delivered(), [], 'nothing is told of what was there before');
  const told = (method: string) =>
    [ack, report, ack, report].map((one) => ({
      jsonrpc: '2.0',
      id: 1,
      method,
      params: { services: [one] },
    }));
  node.setLink(false);
  assert.equal(delivered(), told('services_unavailable'));
  node.setLink(false);
  node.announce();
  assert.equal(delivered(), []);
  node.setLink(true);
  assert.equal(delivered(), told('services_available'));
  node.announce();
  assert.equal(delivered(), told('services_available'));
});

test('messages may be dropped, doubled and late, in both directions', () => {
  const faults: readonly Fault[] = [
    { kind: 'drop' },
    { kind: 'twice' },
    { kind: 'delay', delayMs: 500 },
    { kind: 'pass' },
  ];
  const passed: Passing[] = [];
  const { node, register, message, clock, delivered, reached } = createRig('0.4', (passing) => {
    passed.push(passing);
    return faults[(passed.length - 1) % 4] ?? { kind: 'pass' };
  });
  register('/a');
  for (const name of ['dropped', 'doubled', 'late', 'passed']) node.deliver('/a', [name], 1_000);
  const names = () =>
    delivered().map((one) => /"parameters":\["(.*)"\]/.exec(JSON.stringify(one))?.[1]);
  assert.equal(names(), ['doubled', 'doubled', 'passed']);
  clock.pass(500);
  assert.equal(names(), ['late']);
  for (const name of ['dropped', 'doubled', 'late', 'passed']) message(ack, inMinutes(1), [name]);
  clock.pass(500);
  assert.equal(
    reached().map((one) => JSON.stringify(one).slice(ack.length + 5, -2)),
    ['"doubled"', '"doubled"', '"passed"', '"late"'],
  );
  assert.equal(passed[0], { direction: 'out', service: '/a', parameters: ['dropped'] });
  assert.equal(passed[4], { direction: 'in', service: ack, parameters: ['dropped'] });
  assert.is(node.lost(), 2);
});

test.run();
