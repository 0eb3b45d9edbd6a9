// Tests the control socket: server and client are connected in the same process, and a raw peer
// sends any bytes. The clock is manual.
import { sendRequest, openRequest } from '../../../src/control/client.ts';
import { startControl } from '../../../src/control/server.ts';
import { isStatus } from '../../../src/control/protocol.ts';
import {
  controlAnswerBytesMax,
  controlAnswerMs,
  controlConnectionsMax,
  controlIdleMs,
  watchEveryMs,
} from '../../../src/limits.ts';
import { assert, suite } from '../../support/suite.ts';
import {
  createFakeClock,
  createFakeSockets,
  receiving,
  settle,
  statusOf,
} from '../../support/control.ts';
import type { ControlHandlers } from '../../../src/control/server.ts';
import type { ReceivedResponse } from '../../../src/control/protocol.ts';
import type { Status } from '../../../src/core/status.ts';
import type { LocalStream } from '../../../src/host/ports.ts';

const test = suite('control');
const path = '/run/control.sock';

async function setUp(change: Partial<ControlHandlers> = {}) {
  const clock = createFakeClock();
  const sockets = createFakeSockets();
  const listeners = new Set<() => void>();
  const world: { status: Status; wishes: readonly string[] } = { status: statusOf(), wishes: [] };
  const wish = (verb: string) => async (name: string, version: string | undefined) => {
    world.wishes = [...world.wishes, `${verb} ${name} ${version}`];
    return { ok: true, text: `${name}: ${verb}` } as const;
  };
  const handlers: ControlHandlers = {
    status: () => world.status,
    accept: wish('accept'),
    decline: wish('decline'),
    inventory: async () => ({ ok: true, packages: [{ name: 'vim', version: '9' }] }),
    renewPath: async () => ({ ok: true, text: 'renewed' }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ...change,
  };
  const started = await startControl({ clock, sockets, log: () => undefined }, path, handlers);
  if (!started.ok) throw new Error(started.reason);
  const change_ = (status: Status) => {
    world.status = status;
    for (const listener of listeners) listener();
  };
  return { clock, sockets, server: started.value, world, listeners, become: change_ };
}

type SetUp = Awaited<ReturnType<typeof setUp>>;

/** A peer that does not follow the protocol. */
async function rawPeer({ sockets }: SetUp) {
  const peer = { text: '', isClosed: false };
  const connected = await sockets.connect(path, {
    onData: (data) => (peer.text += Buffer.from(data).toString()),
    onClosed: () => (peer.isClosed = true),
  });
  if (!connected.ok) throw new Error(connected.reason);
  const stream: LocalStream = connected.value;
  const send = async (data: string | Uint8Array) => {
    await stream.write(typeof data === 'string' ? Buffer.from(data) : data);
    await settle();
  };
  return { peer, send, close: () => stream.close() };
}

const badRequest =
  '{"ok":false,"code":"bad-request","reason":"not a known request: send a \\"command\\" of ' +
  'status, watch, why, inventory or renew-path, or accept or decline with a \\"name\\""}\n';
const badJson = '{"ok":false,"code":"bad-json","reason":"the line is not JSON in UTF-8"}\n';

test('answers status, why and inventory', async () => {
  const world = await setUp();
  for (const command of ['status', 'why'] as const) {
    const asked = await sendRequest(world, path, { command });
    assert.equal(asked, {
      kind: 'answered',
      response: { ok: true, status: JSON.parse(JSON.stringify(world.world.status)) },
    });
  }
  assert.equal(await sendRequest(world, path, { command: 'inventory' }), {
    kind: 'answered',
    response: { ok: true, packages: [{ name: 'vim', version: '9' }] },
  });
  assert.is(world.clock.waiting(), 0);
});

test('passes on what a person wishes', async () => {
  const world = await setUp();
  const accepted = await sendRequest(world, path, {
    command: 'accept',
    name: 'a',
    version: undefined,
  });
  const declined = await sendRequest(world, path, { command: 'decline', name: 'b', version: '2' });
  assert.equal(accepted, { kind: 'answered', response: { ok: true, text: 'a: accept' } });
  assert.equal(declined, { kind: 'answered', response: { ok: true, text: 'b: decline' } });
  assert.equal(world.world.wishes, ['accept a undefined', 'decline b 2']);
});

test('passes on a refusal', async () => {
  const refusal = { ok: false, code: 'unknown-package', reason: 'no such package' } as const;
  const world = await setUp({ accept: async () => refusal });
  const asked = await sendRequest(world, path, {
    command: 'accept',
    name: 'a',
    version: undefined,
  });
  assert.equal(asked, { kind: 'answered', response: refusal });
});

test('speaks the protocol that is written down', async () => {
  const world = await setUp();
  const { peer, send } = await rawPeer(world);
  await send('{"command":"inventory"}\n{"command":"accept","name":"a","version":"1","x":[]}\n');
  assert.is(
    peer.text,
    '{"ok":true,"packages":[{"name":"vim","version":"9"}]}\n{"ok":true,"text":"a: accept"}\n',
  );
});

test('answers packages, the word of version 0.1.0 for inventory', async () => {
  const world = await setUp();
  const { peer, send } = await rawPeer(world);
  await send('{"command":"packages"}\n');
  assert.is(peer.text, '{"ok":true,"packages":[{"name":"vim","version":"9"}]}\n');
});

test('takes a request in pieces', async () => {
  const world = await setUp();
  const { peer, send } = await rawPeer(world);
  for (const byte of Buffer.from('{"command":"inventory"}\n')) await send(Uint8Array.of(byte));
  assert.match(peer.text, /^\{"ok":true,"packages"/);
});

const hostile: readonly (readonly [string, string | Uint8Array, string])[] = [
  ['null', 'null\n', badRequest],
  ['a list', '["status"]\n', badRequest],
  ['no command', '{}\n', badRequest],
  ['an unknown command', '{"command":"reboot"}\n', badRequest],
  ['a command that is an object', '{"command":{}}\n', badRequest],
  ['a name of the prototype', '{"command":"__proto__"}\n', badRequest],
  ['accept without a name', '{"command":"accept"}\n', badRequest],
  ['accept with a number', '{"command":"accept","name":1}\n', badRequest],
  ['a version that is null', '{"command":"accept","name":"a","version":null}\n', badRequest],
];

for (const [what, sent, said] of hostile) {
  test(`answers ${what} with an error line and goes on`, async () => {
    const world = await setUp();
    const { peer, send } = await rawPeer(world);
    await send(sent);
    assert.is(peer.text, said);
    assert.not(peer.isClosed);
    await send('{"command":"inventory"}\n');
    assert.match(peer.text.slice(said.length), /^\{"ok":true/);
    assert.equal(world.world.wishes, []);
  });
}

const order = '{"command":"accept","name":"a"}\n';
const notText = Buffer.of(0x22, 0xff, 0x22, 0x0a);
const otherProtocols: readonly (readonly [string, string | Uint8Array])[] = [
  ['an empty line', `\n${order}`],
  ['text', `status\n${order}`],
  ['half an object', `{"command":\n${order}`],
  ['bytes that are not UTF-8', Buffer.concat([notText, Buffer.from(order)])],
  ['HTTP', `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 32\r\n\r\n${order}`],
  ['HTTP in which a header is a request', `GET / HTTP/1.1\r\n${order}`],
  ['a TLS handshake', Buffer.concat([Buffer.from('160301000a0a', 'hex'), Buffer.from(order)])],
];

for (const [what, sent] of otherProtocols) {
  test(`closes after ${what}, and does nothing of what follows`, async () => {
    const world = await setUp();
    const { peer, send } = await rawPeer(world);
    await send(sent);
    assert.is(peer.text, badJson);
    assert.ok(peer.isClosed);
    assert.equal(world.world.wishes, []);
  });
}

test('takes a request after a byte order mark', async () => {
  const world = await setUp();
  const { peer, send } = await rawPeer(world);
  await send('\ufeff{"command":"inventory"}\n');
  assert.match(peer.text, /^\{"ok":true,"packages"/);
});

test('passes on the order for another path', async () => {
  const world = await setUp();
  assert.equal(await sendRequest(world, path, { command: 'renew-path' }), {
    kind: 'answered',
    response: { ok: true, text: 'renewed' },
  });
});

test('closes on a line that does not end', async () => {
  const world = await setUp();
  const { peer, send } = await rawPeer(world);
  await send('x'.repeat(4096));
  assert.is(peer.text, '');
  await send('x');
  assert.is(
    peer.text,
    '{"ok":false,"code":"too-long",' +
      '"reason":"more than 4096 bytes: send one request, then read its answer"}\n',
  );
  assert.ok(peer.isClosed);
});

test('closes on requests that pile up behind one', async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const world = await setUp({
    inventory: async () => {
      await held;
      return { ok: true, packages: [] };
    },
  });
  const { peer, send } = await rawPeer(world);
  for (let count = 0; count < 200; count += 1) await send('{"command":"inventory"}\n');
  release();
  await settle();
  assert.match(peer.text, /^\{"ok":true,"packages":\[\]\}\n\{"ok":false,"code":"too-long"/);
  assert.ok(peer.isClosed);
});

test('closes on silence', async () => {
  const world = await setUp();
  const { peer, send } = await rawPeer(world);
  await world.clock.advance(controlIdleMs - 1);
  await send('{"command":"inventory"}\n');
  await world.clock.advance(controlIdleMs - 1);
  assert.not(peer.isClosed);
  await world.clock.advance(1);
  assert.ok(peer.isClosed);
  assert.is(world.clock.waiting(), 0);
});

test('turns away one connection too many, and takes the next when one has gone', async () => {
  const world = await setUp();
  const peers: Awaited<ReturnType<typeof rawPeer>>[] = [];
  for (let count = 0; count < controlConnectionsMax; count += 1) peers.push(await rawPeer(world));
  const asked = await sendRequest(world, path, { command: 'inventory' });
  const reason = '8 connections are open: try again later';
  assert.equal(asked, { kind: 'answered', response: { ok: false, code: 'busy', reason } });
  peers[0]?.close();
  await settle();
  const again = await sendRequest(world, path, { command: 'inventory' });
  assert.ok(again.kind === 'answered' && again.response.ok);
});

test('closes its connections when it closes', async () => {
  const world = await setUp();
  const { peer } = await rawPeer(world);
  await world.server.close();
  await settle();
  assert.ok(peer.isClosed);
  assert.is((await sendRequest(world, path, { command: 'status' })).kind, 'unreachable');
});

// ---------------------------------------------------------------- watch

function watching(world: SetUp) {
  const seen: number[] = [];
  const talk = openRequest(world, path, { command: 'watch' }, (came: ReceivedResponse) => {
    if (came.ok && 'status' in came) seen.push(came.status.packages[0]?.chunksHeld ?? 0);
  });
  return { seen, talk };
}

const at = (chunksHeld: number) => statusOf({ packages: [receiving(chunksHeld)] });

test('streams the status at once and after changes, at most one each 200 ms', async () => {
  const world = await setUp();
  const { seen, talk } = watching(world);
  await world.clock.advance(0);
  assert.equal(seen, [0]);
  world.become(at(1));
  world.become(at(2));
  await world.clock.advance(watchEveryMs - 1);
  assert.equal(seen, [0]);
  await world.clock.advance(1);
  assert.equal(seen, [0, 2]);
  for (let chunk = 3; chunk <= 102; chunk += 1) {
    world.become(at(chunk));
    await world.clock.advance(10);
  }
  assert.equal(seen, [0, 2, 22, 42, 62, 82, 102]);
  talk.stop();
  assert.equal(await talk.ended, { kind: 'stopped' });
});

test('says nothing and sets no timer while nothing changes', async () => {
  const world = await setUp();
  const { seen } = watching(world);
  await world.clock.advance(10 * controlIdleMs);
  assert.equal(seen, [0]);
  assert.is(world.clock.waiting(), 0);
  world.become(at(7));
  await settle();
  assert.equal(seen, [0, 7]);
});

test('forgets a watcher that has gone', async () => {
  const world = await setUp();
  const { seen, talk } = watching(world);
  await settle();
  assert.is(world.listeners.size, 1);
  talk.stop();
  await settle();
  assert.is(world.listeners.size, 0);
  world.become(at(1));
  await world.clock.advance(controlIdleMs);
  assert.equal(seen, [0]);
  assert.is(world.clock.waiting(), 0);
});

test('sends no second status before the first was read, and gives such a peer up', async () => {
  const world = await setUp();
  const { peer, send } = await rawPeer(world);
  world.sockets.stall();
  await send('{"command":"watch"}\n');
  for (let chunk = 0; chunk < 20; chunk += 1) {
    world.become(at(chunk));
    await world.clock.advance(watchEveryMs);
  }
  assert.is(world.sockets.unread(), 1);
  await world.clock.advance(controlIdleMs);
  assert.ok(peer.isClosed);
  assert.is(world.listeners.size, 0);
  assert.is(world.clock.waiting(), 0);
});

test('ignores what a watcher says', async () => {
  const world = await setUp();
  const { peer, send } = await rawPeer(world);
  await send('{"command":"watch"}\n{"command":"accept","name":"a"}\n');
  await send('x'.repeat(10_000));
  assert.is(peer.text.split('\n').length, 2);
  assert.not(peer.isClosed);
  assert.equal(world.world.wishes, []);
});

// ---------------------------------------------------------------- the client alone

test('tells why a daemon cannot be reached', async () => {
  const world = { clock: createFakeClock(), sockets: createFakeSockets() };
  assert.equal(await sendRequest(world, path, { command: 'status' }), {
    kind: 'unreachable',
    code: 'ENOENT',
    reason: 'connect ENOENT /run/control.sock',
  });
});

/** Starts a daemon that only answers each connection with `text`. */
async function oddDaemon(text: string, isClosing = false) {
  const world = { clock: createFakeClock(), sockets: createFakeSockets() };
  await world.sockets.listen(path, (stream) => ({
    onData: () => {
      void stream.write(Buffer.from(text)).then(() => isClosing && stream.close());
    },
    onClosed: () => undefined,
  }));
  return world;
}

test('gives up on a daemon that does not answer', async () => {
  const world = await oddDaemon('');
  const asked = sendRequest(world, path, { command: 'status' });
  await world.clock.advance(controlAnswerMs);
  assert.equal(await asked, { kind: 'lost', reason: 'no answer within 30 s' });
  assert.is(world.clock.waiting(), 0);
});

test('tells when the daemon goes away in the middle', async () => {
  const world = await oddDaemon('{"ok":tr', true);
  const asked = await sendRequest(world, path, { command: 'status' });
  assert.equal(asked, { kind: 'lost', reason: 'closed' });
});

test('does not believe a daemon of another version', async () => {
  const other = 'daemon and command-line versions differ: restart the daemon';
  const wrong = [
    '{"ok":true}',
    '{"ok":true,"status":{}}',
    '{"ok":true,"packages":[{"name":1,"version":"2"}]}',
    'null',
    JSON.stringify({ ok: true, status: { ...statusOf(), packages: [{ id: 1 }] } }),
  ];
  for (const line of wrong) {
    const world = await oddDaemon(`${line}\n`);
    assert.equal(await sendRequest(world, path, { command: 'status' }), {
      kind: 'answered',
      response: { ok: false, code: 'other-version', reason: other },
    });
  }
});

test('gives up on an answer without an end', async () => {
  const world = await oddDaemon('x'.repeat(controlAnswerBytesMax + 1));
  const asked = await sendRequest(world, path, { command: 'status' });
  assert.equal(asked, { kind: 'lost', reason: 'the answer exceeds 1048576 bytes' });
});

test('knows a status, and every way in which one field of it may be wrong', () => {
  const update = { description: 'd', signature: 's', requestConfirmation: true };
  const learned = { afterStart: 'full', resume: 'empty', ack: 'full' };
  const full = statusOf({
    vehicle: { vin: 'v', uuid: 'u' },
    packages: [{ ...receiving(3), installPercent: 4, update }],
    reports: [
      { id: { name: 'a', version: '1' }, status: true, description: 'd', attempts: 1, nextInMs: 5 },
    ],
    history: [
      {
        id: { name: 'a', version: '1' },
        checksum: 'c',
        outcome: 'failed',
        attempts: 2,
        description: 'd',
      },
    ],
    recovered: ['s'],
    storageError: 't',
    backend: {
      ...statusOf().backend,
      messages: 'P3',
      learned,
    },
    previousServers: [{ start: 's', messages: 'P1', keepAlive: false, learned }],
  });
  assert.ok(isStatus(full));
  assert.ok(isStatus(JSON.parse(JSON.stringify(statusOf()))));
  const spoilt = everyWayToSpoil(full);
  assert.is(spoilt.length, 53);
  for (const one of spoilt) assert.not(isStatus(one), JSON.stringify(one));
});

/** Returns copies of `value`, each with one leaf of a wrong type. */
function everyWayToSpoil(value: unknown): readonly unknown[] {
  const nowhere = { fits: 'nowhere' };
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    return list.flatMap((one, index) => everyWayToSpoil(one).map((bad) => list.with(index, bad)));
  }
  if (typeof value !== 'object' || value === null) return [nowhere];
  return Object.entries(value).flatMap(([key, one]) =>
    everyWayToSpoil(one).map((bad) => ({ ...value, [key]: bad })),
  );
}

test.run();
