// Tests the WebSocket transport with ws nodes on 127.0.0.1 and real sockets. A fake clock and fixed
// random numbers replace the waits for pings, time limits and back-off.
import { readFileSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { callTimeoutMs, clockCheckEveryMsMax, messageBytesMax } from '../../../../../src/limits.ts';
import { localPingEveryMs, localProbeAfterMs } from '../../../../../src/limits.ts';
import { pingAnswerMs, reconnectDelayMsMax } from '../../../../../src/limits.ts';
import { createRetry } from '../../../../../src/backends/rvi/transport/reconnect-backoff.ts';
import { createWebSocketTransport } from '../../../../../src/backends/rvi/transport/websocket.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { createFakeClock } from '../../../../support/control.ts';
import {
  answerText,
  closed,
  createLogLines,
  createRecorder,
  freePort,
} from '../../../../support/transport.ts';
import { listening, portOf, serveHttp, watchDelays } from '../../../../support/transport.ts';
import { pause, until } from '../../../../support/idle.ts';
import type { IncomingMessage } from 'node:http';
import type { ServerOptions, WebSocket } from 'ws';
import type { CallResult, Transport } from '../../../../../src/backends/rvi/transport/transport.ts';

const test = suite('websocket');
let ends: (() => Promise<unknown>)[] = [];
test.afterEach(async () => {
  await Promise.all(ends.map((end) => end()));
  ends = [];
});

function create(url: string, rolls: readonly number[] = []) {
  const clock = createFakeClock();
  const left = [...rolls];
  const random = { unit: () => left.shift() ?? 0.5 };
  const { log, lines } = createLogLines();
  const watched = watchDelays(clock);
  const way = { url, tls: undefined, proxy: undefined };
  const transport = createWebSocketTransport({ clock: watched, random, log }, way);
  ends.push(transport.close);
  const recorder = createRecorder();
  return { transport, recorder, clock, lines, delays: watched.delays };
}

type Node = {
  readonly url: string;
  readonly texts: string[];
  readonly requests: IncomingMessage[];
  readonly codes: number[];
  /** The most recent connection. */
  link(): WebSocket;
  count(): number;
  stop(): Promise<void>;
};

async function serve(options: ServerOptions = {}, port = 0): Promise<Node> {
  const server = new WebSocketServer({ host: '127.0.0.1', port, ...options });
  const links: WebSocket[] = [];
  const texts: string[] = [];
  const requests: IncomingMessage[] = [];
  const codes: number[] = [];
  server.on('connection', (link, request) => {
    links.push(link);
    requests.push(request);
    link.on('message', (data) => texts.push(String(data)));
    link.on('close', (code) => codes.push(code));
    link.on('error', () => undefined);
  });
  await new Promise((done) => server.on('listening', done));
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : 0;
  const stop = () => {
    for (const link of links) link.terminate();
    return new Promise<void>((done) => server.close(() => done()));
  };
  ends.push(stop);
  const link = () => {
    const last = links.at(-1);
    if (last === undefined) throw new Error('nobody has connected');
    return last;
  };
  const url = `ws://127.0.0.1:${bound}/any/path`;
  return { url, texts, requests, codes, link, count: () => links.length, stop };
}

async function connected(options: ServerOptions = {}, rolls: readonly number[] = []) {
  const node = await serve(options);
  const made = create(node.url, rolls);
  made.transport.open(made.recorder);
  await until('up', () => made.recorder.events.length === 1);
  await until('connected', () => node.count() === 1);
  return { node, ...made };
}

const ask = (transport: Transport, id: string, text = `{"id":${id},"method":"m"}`) =>
  transport.call({ id, text, timeLimitMs: callTimeoutMs });
const codeOf = (result: CallResult) => (result.ok ? 'ok' : result.code);
const message = (text: string) => `{"method":"message","params":${JSON.stringify(text)}}`;

test('asks for no subprotocol and no compression (protocol 1.9)', async () => {
  const { node, recorder, transport } = await connected();
  const { headers, url } = node.requests[0] ?? { headers: {}, url: '' };
  assert.is(url, '/any/path');
  assert.is(headers['sec-websocket-protocol'], undefined);
  assert.is(headers['sec-websocket-extensions'], undefined);
  assert.equal(recorder.events, ['up']);
  assert.is(transport.networkAddress, undefined);
});

test('answers the calls of the node, in order', async () => {
  const { node, recorder } = await connected();
  const sent = Array.from({ length: 50 }, (_, at) => message(`${at}`));
  for (const text of sent) node.link().send(text);
  await until('answered', () => node.texts.length === sent.length);
  assert.equal(recorder.bodies, sent);
  assert.is(node.texts[0], answerText);
});

test('says nothing where there is nothing to answer', async () => {
  const node = await serve();
  const { transport, recorder } = create(node.url);
  transport.open({ ...recorder, receive: (data) => void recorder.receive(data) });
  await until('up', () => recorder.events.length === 1);
  await until('connected', () => node.count() === 1);
  node.link().send(message('one'));
  await until('received', () => recorder.bodies.length === 1);
  assert.is(codeOf(await Promise.race([ask(transport, '1'), answered(node, '{"id":1}')])), 'ok');
  assert.is(node.texts.length, 1);
});

/** Sends `text` after the next call; never resolves, for a race. */
async function answered(node: Node, text: string): Promise<never> {
  await until('asked', () => node.texts.length > 0);
  node.link().send(text);
  return new Promise(() => undefined);
}

test('matches answers by the exact id, whatever their order', async () => {
  const { node, recorder, transport } = await connected();
  const ids = ['1', '"1"', '9007199254740993', '9007199254740992', '"\\u00e4"'];
  const made = ids.map((id) => ask(transport, id));
  await until('asked', () => node.texts.length === ids.length);
  // The JSON-RPC format, and the flat format of nodes (protocol 1.9).
  const answers = [
    '{"jsonrpc":"2.0","id":9007199254740992,"result":{"status":0}}',
    '{"id":9007199254740993,"status":0,"service":"x"}',
    '{"jsonrpc":"2.0","id":"1","error":{"code":-32603}}',
    '{"jsonrpc":"2.0","result":null,"id":1}',
  ];
  for (const text of answers) node.link().send(text);
  const results = await Promise.all(made.slice(0, 4));
  const texts = results.map((result) => (result.ok ? result.text : result.code));
  assert.equal(texts, answers.toReversed());
  assert.equal(recorder.bodies, []);
});

test('takes an answer that nobody waits for as nothing', async () => {
  const { node, recorder, transport, clock, lines } = await connected();
  const made = ask(transport, '7');
  await until('asked', () => node.texts.length === 1);
  await clock.advance(callTimeoutMs);
  assert.is(codeOf(await made), 'timeout');
  node.link().send('{"id":7,"result":{"status":0}}');
  node.link().send(message('after'));
  await until('read', () => recorder.bodies.length === 1);
  assert.equal(recorder.bodies, [message('after')]);
  assert.equal(lines, ['debug response-unmatched {"id":"7"}']);
});

test('takes whole chunks, and messages of the largest size', async () => {
  const { node, recorder } = await connected();
  const largest = message('').length;
  const sent = [87_384, messageBytesMax - largest].map((size) => message('A'.repeat(size)));
  for (const text of sent) node.link().send(text);
  await until('read', () => recorder.bodies.length === 2);
  assert.equal(recorder.bodies, sent);
});

const refused: readonly (readonly [what: string, act: (link: WebSocket) => void, why: RegExp])[] = [
  ['is too large', (link) => link.send('x'.repeat(messageBytesMax + 1)), /Max payload size/],
  ['is not text', (link) => link.send(Buffer.from('{}')), /not text/],
  ['is not UTF-8', (link) => link.send(Buffer.from([0xff, 0xfe]), { binary: false }), /UTF-8/],
  [
    'comes in too many pieces',
    (link) => {
      for (let count = 0; count < 1_100; count += 1) link.send('x', { fin: false });
    },
    /fragments/,
  ],
];

for (const [what, act, why] of refused) {
  test(`ends the link over a message that ${what}, and opens it again`, async () => {
    const { node, recorder, delays, clock } = await connected();
    act(node.link());
    await until('down', () => recorder.events.length === 2);
    assert.match(recorder.events[1] ?? '', why);
    assert.equal(recorder.bodies, []);
    await clock.advance(delays.at(-1) ?? 0);
    await until('up again', () => recorder.events.length === 3);
    await until('connected', () => node.count() === 2);
    node.link().send(message('one'));
    await until('read', () => recorder.bodies.length === 1);
  });
}

test('fails what waits when the link is lost, and calls while it is down', async () => {
  const { node, recorder, transport } = await connected();
  const made = ['1', '2'].map((id) => ask(transport, id));
  await until('asked', () => node.texts.length === 2);
  await node.stop();
  assert.equal((await Promise.all(made)).map(codeOf), ['closed', 'closed']);
  assert.is(codeOf(await ask(transport, '3')), 'closed');
  assert.is(recorder.events.length, 2);
  const said = recorder.events[1] ?? '';
  assert.match(said, /^down: ws:.*: the node ended the connection without a close frame$/);
});

test('connects again with growing delays and jitter, and says once that it is down', async () => {
  const port = await freePort();
  const rolls = [1 - 1e-9, 0.5, 0.75, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
  const { transport, recorder, clock, delays, lines } = create(`ws://127.0.0.1:${port}`, rolls);
  const waits = () => delays.filter((ms) => ms !== callTimeoutMs);
  transport.open(recorder);
  for (let tries = 1; tries <= 11; tries += 1) {
    await until('tried', () => waits().length === tries);
    if (tries < 11) await clock.advance(waits().at(-1) ?? 0);
  }
  const grown = [999, 1_000, 3_000, 500, ...Array.from({ length: 7 }, () => 5_000)];
  assert.equal(waits(), grown);
  assert.is(recorder.events.length, 1);
  assert.match(recorder.events[0] ?? '', /^down: ws:.*ECONNREFUSED/);
  assert.is(lines.filter((line) => line.startsWith('debug node-reconnecting')).length, 10);
  assert.is(codeOf(await ask(transport, '1')), 'refused');
  await serve({}, port);
  await clock.advance(5_000);
  await until('up', () => recorder.events.length === 2);
  assert.is(recorder.events[1], 'up');
});

test('starts with a short delay again only after a link that held', async () => {
  const { node, recorder, clock, delays } = await connected({}, [0.9, 0.9, 0.9, 0.9]);
  const others = [callTimeoutMs, pingAnswerMs, localPingEveryMs];
  const waits = () => delays.filter((ms) => !others.includes(ms));
  const lose = async () => {
    const { length } = recorder.events;
    node.link().terminate();
    await until('down', () => recorder.events.length === length + 1);
    await clock.advance(waits().at(-1) ?? 0);
    await until('up', () => recorder.events.length === length + 2);
    await until('connected', () => node.count() === length / 2 + 1.5);
  };
  await lose();
  await lose();
  await lose();
  assert.equal(waits(), [900, 1_800, 3_600]);
  assert.equal(
    recorder.events.map((text) => text.slice(0, 4)),
    ['up', 'down', 'up', 'down', 'up', 'down', 'up'],
  );
  await hold(node, clock);
  await lose();
  assert.equal(waits(), [900, 1_800, 3_600, 900]);
});

/** Waits for a ping, its pong, and the check of it. `quietMs`: until the ping. */
async function hold(
  node: Node,
  clock: { advance(ms: number): Promise<void> },
  quietMs: number = pingAnswerMs,
): Promise<void> {
  const pinged = new Promise((done) => node.link().once('ping', done));
  await clock.advance(quietMs);
  await pinged;
  await pause(20);
  await clock.advance(pingAnswerMs);
}

test('keeps a quiet link whose pings are answered', async () => {
  const { node, recorder, clock, delays } = await connected();
  await pause(20);
  await hold(node, clock);
  for (let count = 0; count < 5; count += 1) await hold(node, clock, localPingEveryMs);
  assert.equal(recorder.events, ['up']);
  // Two timers for each ping; the device wakes up for no other reason.
  assert.is(delays.filter((ms) => ms !== callTimeoutMs).length, 2 * 6 + 1);
});

test('does not ping while something arrives', async () => {
  const { node, recorder, clock } = await connected();
  let pings = 0;
  node.link().on('ping', () => (pings += 1));
  for (const quietMs of [pingAnswerMs, localPingEveryMs, localPingEveryMs]) {
    const { length } = recorder.bodies;
    node.link().send(message('one'));
    await until('read', () => recorder.bodies.length > length);
    await clock.advance(quietMs);
  }
  await pause(20);
  assert.is(pings, 0);
});

test('ends a link from which nothing comes, not even a pong', async () => {
  const { node, recorder, transport, clock } = await connected({ autoPong: false });
  const made = transport.call({ id: '1', text: '{}', timeLimitMs: 10 * localPingEveryMs });
  await pause(20);
  await clock.advance(2 * pingAnswerMs - 1);
  await pause(20);
  assert.equal(recorder.events, ['up']);
  await clock.advance(1);
  await until('down', () => recorder.events.length === 2);
  const said = recorder.events[1] ?? '';
  assert.match(said, /this device ended the connection: the node sent nothing for 20000 ms$/);
  assert.is(codeOf(await made), 'closed');
  assert.is(node.count(), 1);
});

test('ends a link soon after a call got no answer', async () => {
  const { node, recorder, transport, clock } = await connected({ autoPong: false });
  node.link().send(message('one'));
  await until('read', () => recorder.bodies.length === 1);
  await clock.advance(pingAnswerMs);
  const made = ask(transport, '1');
  await until('asked', () => node.texts.some((text) => text.includes('"id":1')));
  await clock.advance(callTimeoutMs);
  assert.is(codeOf(await made), 'timeout');
  await clock.advance(pingAnswerMs - 1);
  await pause(20);
  assert.equal(recorder.events, ['up']);
  await clock.advance(1);
  await until('down', () => recorder.events.length === 2);
});

test('lets the kernel probe a quiet link to a node in the vehicle', async () => {
  const { node } = await connected();
  const { remotePort } = node.requests[0]?.socket ?? {};
  // The timer that runs for the socket of the agent: 02 is the one of the probes.
  const timerOf = (port: number) => {
    const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
    const wanted = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    const fields = lines.map((line) => line.trim().split(/\s+/)).find(([, own]) => own === wanted);
    return fields?.[5]?.split(':') ?? [];
  };
  await until('nothing is in flight', () => timerOf(remotePort ?? 0)[0] === '02');
  const [, ticks = ''] = timerOf(remotePort ?? 0);
  assert.ok(Number.parseInt(ticks, 16) * 10 <= localProbeAfterMs, `${ticks} hundredths in hex`);
});

test('takes any byte for a sign of life: a chunk may be slower than a ping', async () => {
  const { node, recorder, clock } = await connected({ autoPong: false });
  const socket = node.requests[0]?.socket;
  const text = message('A'.repeat(1_000));
  // The head of an unmasked text frame with 16 bits of length.
  socket?.write(Buffer.from([0x81, 126, text.length >> 8, text.length & 255]));
  const size = Math.ceil(text.length / 6);
  for (let at = 0; at < text.length; at += size) {
    socket?.write(text.slice(at, at + size));
    await pause(20);
    await clock.advance(localPingEveryMs);
  }
  await until('read', () => recorder.bodies.length === 1);
  assert.equal(recorder.bodies, [text]);
  assert.equal(recorder.events, ['up']);
});

test('reads no more while the agent has no room, and goes on when it has', async () => {
  const { node, recorder, transport, clock } = await connected();
  recorder.fill(true);
  const sent = Array.from({ length: 200 }, (_, at) => message(`${at} ${'A'.repeat(87_384)}`));
  for (const text of sent) node.link().send(text);
  await until('paused', () => recorder.bodies.length > 0);
  await pause(50);
  assert.ok(recorder.bodies.length <= 2, `${recorder.bodies.length} were read`);
  // The agent does not read a pong either; this must not count as a dead link.
  for (let count = 0; count < 5; count += 1) await clock.advance(pingAnswerMs);
  assert.ok(node.link().bufferedAmount > 0);
  recorder.fill(false);
  transport.resume();
  await until('all read', () => recorder.bodies.length === sent.length);
  assert.ok(recorder.bodies.every((body, at) => body === sent[at]));
  assert.equal(recorder.events, ['up']);
  // Pongs of the pause may still arrive, so the next ping may come later.
  let pings = 0;
  node.link().on('ping', () => (pings += 1));
  while (pings < 2) {
    await clock.advance(pingAnswerMs);
    await pause(5);
  }
  await clock.advance(pingAnswerMs);
  assert.equal(recorder.events, ['up']);
});

test('resumes nothing where there is no link', () => {
  const { transport } = create('ws://127.0.0.1:1');
  transport.resume();
});

test('cuts off a node that takes calls and reads none', async () => {
  const { node, recorder, transport } = await connected();
  node.requests[0]?.socket.pause();
  const text = 'x'.repeat(200_000);
  const made = Array.from({ length: 200 }, (_, at) => ask(transport, `${at}`, text));
  await until('down', () => recorder.events.length === 2);
  assert.match(recorder.events[1] ?? '', /does not read/);
  assert.ok((await Promise.all(made)).every((result) => codeOf(result) === 'closed'));
});

test('gives up a node that does not shake hands', async () => {
  const silent = createServer((socket) => void socket.resume().on('error', () => undefined));
  const { transport, recorder, clock } = create(`ws://127.0.0.1:${await listening(silent)}`);
  transport.open(recorder);
  await pause(20);
  await clock.advance(callTimeoutMs);
  await until('down', () => recorder.events.length === 1);
  assert.match(recorder.events[0] ?? '', /no connection within 10000 ms/);
  assert.is(codeOf(await ask(transport, '1')), 'timeout');
  await transport.close();
  await new Promise((done) => silent.close(done));
});

test('says what answered instead of a WebSocket', async () => {
  const Location = 'http://elsewhere.example/';
  const { server } = await serveHttp((_, response) => {
    response.writeHead(302, { Location }).end('<p>gone</p>');
  });
  const { transport, recorder } = create(`ws://127.0.0.1:${portOf(server)}`);
  transport.open(recorder);
  await until('down', () => recorder.events.length === 1);
  const said = recorder.events[0] ?? '';
  assert.match(said, 'no WebSocket there: HTTP status 302 (no content type): it redirects');
  assert.match(
    said,
    `${Location}, and the agent follows no redirects: check rvi.url; it begins: <p>gone</p>`,
  );
  assert.is(codeOf(await ask(transport, '1')), 'status');
  await closed(server);
});

test('takes leave of the node, fails what waits and stays closed', async () => {
  const { node, recorder, transport, clock } = await connected();
  const made = ask(transport, '1');
  await until('asked', () => node.texts.length === 1);
  await transport.close();
  assert.is(codeOf(await made), 'closed');
  await until('told', () => node.codes.length === 1);
  assert.equal(node.codes, [1001]);
  assert.is(codeOf(await ask(transport, '2')), 'closed');
  await clock.advance(1_000_000);
  await pause(20);
  assert.equal([recorder.events, node.count(), clock.waiting()], [['up'], 1, 0]);
});

test('stays closed when it is closed while it connects, or waits to connect', async () => {
  const node = await serve();
  const early = create(node.url);
  early.transport.open(early.recorder);
  await early.transport.close();
  const late = create(`ws://127.0.0.1:${await freePort()}`);
  late.transport.open(late.recorder);
  await until('down', () => late.recorder.events.length === 1);
  await late.transport.close();
  await late.clock.advance(1_000_000);
  await pause(50);
  assert.equal([early.recorder.events, node.count()], [[], 0]);
  assert.equal([early.clock.waiting(), late.clock.waiting()], [0, 0]);
  assert.is(late.delays.filter((ms) => ms === callTimeoutMs).length, 1);
});

type Closing = readonly [what: string, act: (link: WebSocket) => void, said: RegExp];
const frames = (count: number, frame: readonly number[]) =>
  Buffer.concat(Array.from({ length: count }, () => Buffer.from(frame)));
/** Writes raw bytes to the socket of the node, without its library. */
const write = (link: WebSocket, bytes: Buffer) => {
  const socket: unknown = Reflect.get(link, '_socket');
  if (socket instanceof Socket) socket.write(bytes);
};

const closings: readonly Closing[] = [
  [
    'closes with a code and words',
    (link) => link.close(1008, 'not \u001b[31mwelcome\u202e here'),
    /node \(1008, policy violation\), reason: not \\u001b\[31mwelcome\\u202e here$/,
  ],
  ['closes with a code of its own', (link) => link.close(4711), /closed by the node \(4711\)$/],
  ['closes without a code', (link) => link.close(), /closed by the node \(1005, no status code\)$/],
  [
    'ends the connection',
    (link) => void Reflect.get(link, '_socket').end(),
    /: the node ended the connection without a close frame$/,
  ],
  [
    'resets the connection',
    (link) => void Reflect.get(link, '_socket').resetAndDestroy(),
    /: the node reset the connection$/,
  ],
  [
    'floods us with pings',
    (link) => write(link, frames(200, [0x89, 0])),
    /this device ended the connection: the node sent more than 60 pings at once$/,
  ],
  [
    'breaks the framing',
    (link) => write(link, Buffer.from([0xff, 0xff])),
    /this device ended the connection: Invalid WebSocket frame/,
  ],
];

for (const [what, act, said] of closings) {
  test(`says who ended the link, and how, when the node ${what}`, async () => {
    const { node, recorder } = await connected();
    act(node.link());
    await until('down', () => recorder.events.length === 2);
    assert.match(recorder.events[1] ?? '', said);
  });
}

test('answers pings up to the bound, each with its payload', async () => {
  const { node, recorder } = await connected();
  const pongs: string[] = [];
  node.link().on('pong', (data) => pongs.push(String(data)));
  for (let round = 0; round < 3; round += 1) {
    write(node.link(), frames(60, [0x89, 1, 0x30 + round]));
    await until('answered', () => pongs.length === 60 * (round + 1));
  }
  assert.is(pongs.join(''), [0, 1, 2].map((one) => String(one).repeat(60)).join(''));
  assert.equal(recorder.events, ['up']);
});

test('a clock that is set ends the wait after a certificate that was not valid', async () => {
  const clock = createFakeClock();
  let aheadMs = 0;
  const set = { ...clock, wallMs: () => clock.wallMs() + aheadMs };
  const retry = createRetry({ clock: set, random: { unit: () => 0.999 }, log: () => undefined });
  for (let failures = 0; failures < 10; failures += 1) retry.again(() => undefined);
  retry.stop();
  let acts = 0;
  const act = () => void (acts += 1);
  retry.again(act, true);
  await clock.advance(60_000);
  assert.is(acts, 0);
  aheadMs = 1_700_000_000_000;
  await clock.advance(clockCheckEveryMsMax);
  assert.is(acts, 1);
  // Without the flag the clock is not checked, and without a step of the clock the delay stays.
  retry.again(act);
  aheadMs = 0;
  await clock.advance(60_000);
  assert.is(acts, 1);
  retry.stop();
  retry.again(act, true);
  await clock.advance(reconnectDelayMsMax);
  assert.is(acts, 2);
  retry.stop();
  assert.is(clock.waiting(), 0);
});

test.run();
