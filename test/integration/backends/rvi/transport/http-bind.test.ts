// Tests how the listener binds: occupied ports, a fake clock, and fixed random numbers.
import { createServer } from 'node:net';
import { reconnectDelayMsMax } from '../../../../../src/limits.ts';
import { createHttpTransport } from '../../../../../src/backends/rvi/transport/http.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { createFakeClock } from '../../../../support/control.ts';
import {
  createLogLines,
  createRecorder,
  freePort,
  listening,
  raw,
} from '../../../../support/transport.ts';
import { watchDelays } from '../../../../support/transport.ts';
import { pause, until } from '../../../../support/idle.ts';

const test = suite('http listener');

function create(host: string, port: number, rolls: readonly number[] = []) {
  const fake = createFakeClock();
  const clock = watchDelays(fake);
  const left = [...rolls];
  const random = { unit: () => left.shift() ?? 0.5 };
  const { log, lines } = createLogLines();
  const transport = createHttpTransport(
    { clock, random, log },
    {
      url: 'http://127.0.0.1:1',
      listen: { host, port },
      networkAddress: undefined,
      tls: undefined,
      proxy: undefined,
    },
  );
  return { transport, clock, advance: fake.advance, lines };
}

test('says once why it cannot listen, tries again with jitter, and comes up', async () => {
  const thief = createServer();
  const port = await listening(thief);
  const { transport, clock, advance, lines } = create('127.0.0.1', port, [0.9, 0.25, 0]);
  const recorder = createRecorder();
  transport.open(recorder);
  for (let tries = 1; tries <= 3; tries += 1) {
    await until('tried', () => clock.delays.length === tries);
    await advance(clock.delays.at(-1) ?? 0);
  }
  await until('tried', () => clock.delays.length === 4);
  // Minimum 1 s, doubled each time, times the random factor, and at least half a second.
  assert.equal(clock.delays.slice(0, 3), [900, 500, 500]);
  assert.is(recorder.events.length, 1);
  assert.match(recorder.events[0] ?? '', `down: cannot listen on 127.0.0.1:${port}: EADDRINUSE`);
  assert.match(recorder.events[0] ?? '', 'another program listens there');
  assert.ok(lines.every((line) => line.startsWith('debug node-reconnecting')));
  await new Promise((done) => thief.close(done));
  await advance(reconnectDelayMsMax);
  await until('up', () => recorder.events.length === 2);
  assert.is(recorder.events[1], 'up');
  assert.is(transport.networkAddress, `http://127.0.0.1:${port}`);
  const one = await raw(port);
  await transport.close();
  await until('closed', one.isClosed);
});

test('says what to do about an address that is not here', async () => {
  const { transport } = create('192.0.2.1', 9_080);
  const recorder = createRecorder();
  transport.open(recorder);
  await until('told', () => recorder.events.length === 1);
  const [told = ''] = recorder.events;
  assert.match(told, 'cannot listen on 192.0.2.1:9080: EADDRNOTAVAIL: no interface has this');
  await transport.close();
});

test('does not come up after it was closed', async () => {
  const port = await freePort();
  const { transport } = create('127.0.0.1', port);
  const recorder = createRecorder();
  transport.open(recorder);
  await transport.close();
  const thief = createServer();
  await pause(20);
  assert.is(await listening(thief, port), port);
  assert.equal(recorder.events, []);
  await new Promise((done) => thief.close(done));
});

test('stops trying when it is closed', async () => {
  const thief = createServer();
  const port = await listening(thief);
  const { transport, clock, advance } = create('127.0.0.1', port);
  const recorder = createRecorder();
  transport.open(recorder);
  await until('tried', () => clock.delays.length === 1);
  await transport.close();
  await advance(reconnectDelayMsMax);
  assert.is(clock.delays.length, 1);
  await new Promise((done) => thief.close(done));
});

test.run();
