// Tests the WebSocket edges of real nodes, frame by frame, over real sockets (protocol 1.7, 1.9).
import { WebSocket } from 'ws';
import { createBackend } from './backend.ts';
import { createRviTongue } from './edge-rvi.ts';
import { createNode } from './node.ts';
import { assert, suite } from '../support/suite.ts';
import { createVirtualClock, vin } from './fakes.ts';
import type { NodeKind } from './node-rules.ts';

const test = suite('the edge of a node over WebSocket');
const ends: (() => Promise<void>)[] = [];
test.afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const ack = 'genivi.org/backend/sota/ack';
const full = `genivi.org/vin/${vin}/sota/notify`;

function createRig(kind: NodeKind) {
  const clock = createVirtualClock();
  const frames: (string | undefined)[] = [];
  const reached: unknown[] = [];
  const node = createNode(
    { kind, prefix: `genivi.org/vin/${vin}`, backend: [ack] },
    {
      nowMs: () => 1_400_000_000_000 + clock.nowMs(),
      after: clock.after,
      onMessage: (name, parameters) => reached.push([name, parameters]),
      onRegistered: () => undefined,
    },
  );
  const tongue = createRviTongue(kind, node);
  const route = { name: 'ws:1', post: (text: string) => void frames.push(tongue.tell(text)) };
  const raw = (text: string) => tongue.hear(text, () => route);
  const call = (method: string, params: unknown) => {
    const reply = raw(JSON.stringify({ id: 7, method, params }));
    clock.pass(0);
    return reply.kind === 'json' ? reply.text : reply.kind;
  };
  const message = (parameters: unknown, timeout: unknown = 1_400_000_090) =>
    call('message', { service_name: ack, timeout, parameters });
  call('register_service', { service_name: '/sota/notify' });
  const deliver = (parameters: unknown) => {
    node.deliver('/sota/notify', parameters, 1_000);
    return frames.splice(0);
  };
  return { node, raw, call, message, deliver, frames, reached: () => reached.splice(0) };
}

test('answers are flat; 0.5.1 repeats the method', () => {
  const register = (kind: NodeKind) =>
    createRig(kind).call('register_service', { service_name: '/sota/notify' });
  assert.is(register('0.4'), `{"id":7,"status":0,"service":"${full}"}`);
  const method = '"method":"register_service"';
  assert.is(register('0.5.1'), `{"id":7,"status":0,"service":"${full}",${method}}`);
});

test('what is spelt as over HTTP gets no reply', () => {
  for (const kind of ['0.4', '0.5.1'] as const) {
    const { call, raw } = createRig(kind);
    assert.is(call('register_service', { service: '/sota/notify' }), 'nothing');
    assert.is(raw('{"id":1,"status":0}').kind, 'nothing');
    assert.is(raw('no JSON').kind, 'nothing');
  }
});

test('0.4 never answers get_available_services, 0.5.1 does', () => {
  assert.is(createRig('0.4').call('get_available_services', {}), 'nothing');
  assert.match(createRig('0.5.1').call('get_available_services', {}), ack);
});

test('0.4 puts a bare object into a list; a list crashes it, registrations and all', () => {
  const { message, reached, node } = createRig('0.4');
  assert.is(message({ chunks: [] }), '{"id":7,"status":0,"transaction_id":1}');
  assert.equal(reached(), [[ack, [{ chunks: [] }]]]);
  assert.equal(node.registered(), ['/sota/notify']);
  assert.is(message([{ chunks: [] }]), 'closed');
  assert.equal(node.registered(), []);
});

test('0.4 crashes of a timeout that is no number, and of a surrogate escape', () => {
  const one = createRig('0.4');
  assert.is(one.message({}, 'soon'), 'closed');
  assert.equal(one.node.registered(), []);
  const other = createRig('0.4');
  assert.is(other.raw('{"id":1,"method":"x","params":{"a":"\\ud83d"}}').kind, 'closed');
  assert.equal(other.node.registered(), []);
});

test('0.5.1 takes objects of JSON texts and hands them on bare; all else gets no reply', () => {
  const { message, reached, node } = createRig('0.5.1');
  const texts = { vin: '"V1"', chunks: '[]' };
  assert.match(message(texts), '"transaction_id":1,"method":"message"');
  assert.equal(reached(), [[ack, texts]]);
  for (const bad of [[texts], { chunks: [] }, { vin: 'V1' }, 'x', null]) {
    assert.is(message(bad), 'nothing', JSON.stringify(bad));
  }
  assert.is(message(texts, 'soon'), 'nothing');
  assert.equal(node.registered(), ['/sota/notify']);
});

const frame = (parameters: string) =>
  `{"json-rpc":"2.0","method":"message","params":{"service_name":"/sota/notify",${parameters}}}`;

test('0.4 delivers the object of a list of one, and drops every other list', () => {
  const { deliver } = createRig('0.4');
  assert.equal(deliver([{ a: 1 }]), [frame('"parameters":{"a":1}')]);
  assert.equal(deliver([null]), [undefined]);
  assert.equal(deliver([{}, {}]), [undefined]);
  assert.equal(deliver([]), [undefined]);
});

test('0.5.1 delivers what it was given', () => {
  const { deliver } = createRig('0.5.1');
  assert.equal(deliver([{ a: 1 }]), [frame('"parameters":[{"a":1}]')]);
  assert.equal(deliver([null]), [frame('"parameters":[null]')]);
});

test('services come and go in a frame without an id', () => {
  const { node, frames } = createRig('0.4');
  node.announce();
  assert.equal(frames, [
    `{"json-rpc":"2.0","method":"services_available","params":{"services":["${ack}"]}}`,
  ]);
});

async function begin(node: NodeKind) {
  const backend = createBackend({ transport: 'rvi', node });
  await backend.start();
  ends.push(backend.stop);
  return backend;
}

const failed = (socket: WebSocket) =>
  new Promise<string>((resolve) => socket.on('error', ({ message }) => resolve(message)));

test('0.4 answers a subprotocol with what is no handshake', async () => {
  const { url } = await begin('0.4');
  assert.match(await failed(new WebSocket(url, 'rvi')), /Sec-WebSocket|Upgrade|Parse|header/i);
});

test('a message in fragments ends the connection', async () => {
  const { url } = await begin('0.5.1');
  const socket = new WebSocket(url);
  await new Promise((done) => socket.on('open', done));
  socket.on('error', () => undefined);
  const closed = new Promise<number>((done) => socket.on('close', done));
  socket.send('{"id":1,', { fin: false });
  socket.send('"method":"x"}', { fin: true });
  assert.is(await closed, 1008);
});

test.run();
