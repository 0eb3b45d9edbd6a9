// Tests whole sessions of the backend with a simple vehicle over real sockets, including restarts
// and faults in between.
import { createBackend, isReported } from './backend.ts';
import { assert, suite } from '../support/suite.ts';
import { linkByHttp, linkByWs, post, startVehicle } from './client.ts';
import { packageOfChunks } from './fakes.ts';
import type { Backend, BackendOptions } from './backend.ts';
import type { ServerPackage } from './package.ts';
import type { SeenMessage } from './seen.ts';

const test = suite('a session with the backend');
const five = packageOfChunks('hello', 5);
const transports = ['http', 'ws'] as const;

const open: (() => Promise<void>)[] = [];
test.afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function begin(options: BackendOptions) {
  const backend = createBackend(options);
  await backend.start();
  open.push(backend.stop);
  return backend;
}

async function connect(backend: Backend, transport: 'http' | 'ws') {
  const link = transport === 'ws' ? linkByWs : linkByHttp;
  const vehicle = await startVehicle((receive) => link(backend.url, receive));
  open.push(vehicle.close);
  await backend.registered();
  return vehicle;
}

const reported = (backend: Backend, one: ServerPackage) =>
  backend.until('reported', (server) => isReported(server, one));
const listed = (backend: Backend) =>
  backend.until('packages listed', ({ lists }) => lists.length > 0);

for (const transport of transports) {
  for (const server of ['S-A', 'S-B', 'S-C', 'S-M'] as const) {
    test(`goes from the offer to the list over ${transport} with ${server}`, async () => {
      const backend = await begin({ transport, server });
      const vehicle = await connect(backend, transport);
      backend.server.notify([five]);
      await reported(backend, five);
      await listed(backend);
      assert.equal(backend.server.outcomes, [{ id: five.id, status: true, text: five.checksum }]);
      assert.is(vehicle.sha1(), five.checksum);
      assert.is(backend.chunksRepeated(), 0);
      assert.is(backend.server.sent.size, 5);
      assert.equal(backend.failures, []);
    });
  }
}

for (const transport of transports) {
  test(`node 0.5.1 serves a session over ${transport}, too`, async () => {
    const backend = await begin({ transport, node: '0.5.1' });
    await connect(backend, transport);
    backend.server.notify([five]);
    await listed(backend);
  });

  test(`a lost ack over ${transport} costs one chunk, after 30 s of the server`, async () => {
    let isLost = false;
    const backend = await begin({
      transport,
      secondMs: 5,
      fault: ({ direction, service }) => {
        const isIt = !isLost && direction === 'in' && service.endsWith('/ack');
        const isSecond = backend.server.sent.size === 2;
        if (!isIt || !isSecond) return { kind: 'pass' };
        isLost = true;
        return { kind: 'drop' };
      },
    });
    await connect(backend, transport);
    backend.server.notify([five]);
    await listed(backend);
    assert.is(backend.chunksRepeated(), 1);
    assert.is(backend.server.sent.get('hello 1.2.3 2'), 2);
  });

  test(`a restarted node over ${transport} has the same address and no registrations`, async () => {
    const backend = await begin({ transport });
    const before = backend.url;
    await connect(backend, transport);
    await backend.restartNode();
    assert.is(backend.url, before);
    assert.equal(backend.node.registered(), []);
    backend.server.notify([five]);
    await connect(backend, transport);
    await listed(backend);
  });

  test(`a restarted server over ${transport} loses what comes in the meantime`, async () => {
    const backend = await begin({ transport });
    const vehicle = await connect(backend, transport);
    const back = backend.restartServer(50);
    backend.server.notify([five]);
    await back;
    assert.equal(
      backend.server.log.map(({ direction }) => direction),
      ['out'],
    );
    backend.server.notify([five]);
    await reported(backend, five);
    assert.is(vehicle.sha1(), five.checksum);
  });

  test(`a vehicle that is gone over ${transport} loses deliveries`, async () => {
    const backend = await begin({ transport });
    const vehicle = await connect(backend, transport);
    await vehicle.close();
    // Waits until the node's side of the connection is closed, too.
    await new Promise((done) => setTimeout(done, 50));
    backend.server.notify([five]);
    await backend.until('failed', () => backend.failures.length === 1);
  });
}

test('registrations outlive a closed WebSocket; new ones can be waited for', async () => {
  const backend = await begin({ transport: 'ws' });
  await connect(backend, 'ws');
  backend.disconnect();
  await backend.registered();
  const again = backend.registeredAgain();
  await connect(backend, 'ws');
  await again;
});

test('every message is seen once, by the log and by whoever looks', async () => {
  const seen: SeenMessage[] = [];
  const backend = await begin({ onSeen: (message) => seen.push(message) });
  await connect(backend, 'http');
  const one = packageOfChunks('hello', 1);
  backend.server.notify([one]);
  await listed(backend);
  assert.equal(seen, backend.server.log);
  assert.equal(
    seen.map(({ direction, service }) => `${direction} ${service.replace('/sota/', '')}`),
    [
      'out notify',
      'in start',
      'out start',
      'in ack',
      'out chunk',
      'in ack',
      'out finish',
      'in report',
      'out getpackages',
      'in packages',
    ],
  );
});

test('what does not happen in time is an error that shows the last messages', async () => {
  const backend = await begin({});
  backend.server.notify([five]);
  const message = await backend.until('pigs fly', () => false, 20).catch(String);
  assert.match(String(message), /nothing moved for 20 ms: pigs fly\n.*"service":"\/sota\/notify"/);
});

test('what is waited for when the backend stops is an error', async () => {
  const backend = await begin({});
  const waited = backend.registered().catch(String);
  await backend.stop();
  assert.match(String(await waited), 'the backend was stopped before: six services registered');
  open.pop();
});

test('two backends do not meet', async () => {
  const [a, b] = [await begin({}), await begin({})];
  assert.is.not(a.url, b.url);
  await connect(a, 'http');
  assert.equal(b.node.registered(), []);
  const { status } = await post(b.url, '{}');
  assert.is(status, 200);
});

test.run();
