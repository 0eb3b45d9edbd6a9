// Tests the allowlist with direct calls, then the real listener with peers of several addresses of
// 127/8.
import { connect } from 'node:net';
import { createClock } from '../../../../../src/host/time.ts';
import { createHttpTransport } from '../../../../../src/backends/rvi/transport/http.ts';
import { isAllowed, networksOf } from '../../../../../src/backends/rvi/transport/allowlist.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { answerText, createLogLines, createRecorder, head } from '../../../../support/transport.ts';
import { until } from '../../../../support/idle.ts';

const test = suite('who may deliver');

test('knows addresses and networks of both families, however the system spells them', () => {
  const networks = networksOf(['192.168.1.2', '10.0.0.0/8', 'fd00::/16', '::1', 'fe80::/10']);
  const within = ['192.168.1.2', '::ffff:192.168.1.2', '10.255.0.1', 'fd00:0:1::7', '::1'];
  for (const one of [...within, 'fe80::1%eth0', '::FFFF:10.0.0.1']) {
    assert.ok(isAllowed(networks, one), one);
  }
  const without = ['192.168.1.3', '11.0.0.1', 'fd01::1', '::2', '127.0.0.1', '', 'x', '::ffff:1.1'];
  for (const one of without) assert.not.ok(isAllowed(networks, one), one);
});

test('takes every address where the network has no bits', () => {
  assert.ok(isAllowed(networksOf(['0.0.0.0/0']), '8.8.8.8'));
  assert.not.ok(isAllowed(networksOf(['0.0.0.0/0']), '::2'));
});

test('closes on who is not on the list, reads nothing of it, and serves the others', async () => {
  const recorder = createRecorder();
  const { log, lines } = createLogLines();
  const transport = createHttpTransport(
    { clock: createClock(), random: { unit: () => 0.5 }, log },
    {
      url: 'http://127.0.0.1:1',
      listen: { host: '127.0.0.1', port: 0 },
      allow: ['127.0.0.2', '127.1.0.0/16'],
      networkAddress: undefined,
      tls: undefined,
      proxy: undefined,
    },
  );
  transport.open(recorder);
  await until('bound', () => recorder.events.length > 0);
  transport.onRegistration?.('begun', transport.networkAddress);
  const port = Number(new URL(transport.networkAddress ?? '').port);

  async function ask(localAddress: string): Promise<string> {
    const socket = connect({ host: '127.0.0.1', port, localAddress });
    let text = '';
    let isOver = false;
    socket.on('data', (data) => (text += data.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => (isOver = true));
    socket.write(`${head(localAddress.length)}${localAddress}`);
    await until('answered or closed', () => isOver || text.includes(answerText));
    socket.destroy();
    return text;
  }
  for (const refused of ['127.0.0.1', '127.0.0.3', '127.2.0.1']) assert.is(await ask(refused), '');
  for (const served of ['127.0.0.2', '127.1.2.3']) assert.match(await ask(served), answerText);
  assert.equal(recorder.bodies, ['127.0.0.2', '127.1.2.3']);
  assert.is(lines.filter((line) => line.startsWith('warn peer-denied')).length, 3);
  assert.match(lines[0] ?? '', '"address":"127.0.0.1"');
  assert.is(recorder.refused(), 3);
  await transport.close();
});

test.run();
