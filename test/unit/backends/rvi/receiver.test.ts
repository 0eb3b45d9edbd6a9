// Tests the receiver: the test passes bytes, and checks the answer of the same call and the queued
// event.
import { createReceiver } from '../../../../src/backends/rvi/receiver.ts';
import { jsonrpc } from '../../../../src/backends/rvi/codec/jsonrpc.ts';
import { assert, suite } from '../../../support/suite.ts';
import { engine } from '../../../support/store.ts';
import { hints } from '../../../support/core.ts';
import { createLines } from '../../../support/daemon.ts';
import type { Event } from '../../../../src/agent/backend.ts';

const test = suite('the receiver');

function setUp() {
  const events: Event[] = [];
  const lines = createLines();
  const submit = (event: Event) => void events.push(event);
  const refused = { count: 0 };
  const onRefused = () => void (refused.count += 1);
  const receive = createReceiver(lines.log, jsonrpc, () => hints, submit, onRefused);
  return { events, lines, refused, receive: (text: string) => receive(Buffer.from(text)) };
}

const message = (service: string, body: unknown, id = '1') =>
  `{"jsonrpc":"2.0","id":${id},"method":"message",` +
  `"params":{"service_name":"${service}","parameters":[${JSON.stringify(body)}]}}`;

test('answers in the call itself, with the id as it came', () => {
  for (const id of ['1', '"x"', '9007199254740993', 'null']) {
    const one = setUp();
    const text = one.receive(message('/sota/finish', { package: engine }, id)) ?? '';
    assert.ok(text.includes(`"id":${id}`), text);
    assert.equal(JSON.parse(text).result, { status: 0 });
    assert.equal(one.events, [{ kind: 'request', request: { kind: 'finish', id: engine } }]);
  }
});

test('takes the services that a node tells of', () => {
  const one = setUp();
  const text = '{"jsonrpc":"2.0","id":1,"method":"services_available","params":{"services":["a"]}}';
  assert.equal(JSON.parse(one.receive(text) ?? '').result, { status: 0 });
  const [event] = one.events;
  assert.is(event?.kind === 'request' ? event.request.kind : '', 'services-available');
});

for (const [what, text, code, reason] of [
  ['no JSON', '{', -32700, /./],
  ['no call', '[]', -32600, /./],
  ['a method that is not ours', '{"jsonrpc":"2.0","id":1,"method":"x"}', -32601, /./],
  ['a service that is not ours', message('/sota/other', {}), -32601, /service_name/],
  ['a body that is wrong', message('/sota/finish', { package: 1 }), -32602, /package/],
  [
    'a name that is a path',
    message('/sota/finish', { package: { ...engine, name: '../x' } }),
    -32602,
    /package\.name/,
  ],
] as const) {
  test(`refuses ${what} in the call itself, queues nothing, and says it in the log`, () => {
    const one = setUp();
    const { error } = JSON.parse(one.receive(text) ?? '{}');
    assert.is(error.code, code);
    assert.match(error.message, reason);
    assert.equal(one.events, []);
    assert.is(one.lines.count('request-invalid'), 1);
    assert.is(one.refused.count, 1);
  });
}

test.run();
