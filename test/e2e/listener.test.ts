// Tests the listener of the built agent with requests that differ from a node's in one detail.
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { packageOf } from '../backend/package.ts';
import { deliver, deliveryPathOf } from '../support/delivery.ts';
import { assert, suite } from '../support/suite.ts';
import { freePort, withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { Vehicle } from '../support/vehicle.ts';

const test = suite('the listener');

const services = Object.fromEntries(
  ['start', 'ack', 'report', 'packages'].map((name) => [name, `genivi.org/backend/sota/${name}`]),
);
const offer = (name: string, service = '/sota/notify') => {
  const packages = [{ package: { name, version: '1.0.0' }, size: 9 }];
  const params = { service_name: service, parameters: [{ packages, services }] };
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'message', params });
};

const known = async (vehicle: Vehicle) =>
  (await vehicle.status()).packages.map(({ id }) => id.name);

async function withListener(
  act: (vehicle: Vehicle, at: (path: string) => string) => Promise<void>,
  rvi = {},
): Promise<void> {
  const port = await freePort();
  const more = { policy: { consent: 'required' } };
  const options = { rvi: { listen: `127.0.0.1:${port}`, ...rvi }, more };
  const at = (path: string) => `http://127.0.0.1:${port}${path}`;
  await withVehicle(options, (vehicle) => act(vehicle, at));
}

test('takes nothing while the node is down, and everything once it has registered', async () => {
  await withListener(async (vehicle, at) => {
    const { backend, directory } = vehicle;
    await backend.stop();
    const agent = vehicle.boot();
    await agent.logged(/node-disconnected/);
    const address = at(deliveryPathOf(directory));
    const early = await deliver(address, offer('early'));
    assert.equal(early, { status: 404, text: 'Not Found\n' });
    await agent.logged(/warn request-rejected .*no service is registered yet/);
    await until('counted', async () => (await vehicle.status()).counters.refused === 1);
    assert.equal(await known(vehicle), []);
    await backend.start();
    await backend.registered();
    assert.match((await deliver(address, offer('late'))).text, '"status":0');
    await until('offered', async () => (await known(vehicle)).join() === 'late');
    // If the link is lost later, the node keeps the registration.
    await backend.stop();
    assert.match((await deliver(address, offer('later'))).text, '"status":0');
    await until('offered', async () => (await known(vehicle)).join() === 'late,later');
    await backend.start();
  });
});

test('goes on when the path is renewed, and takes the old one no more', async () => {
  await withListener(async (vehicle, at) => {
    const { backend, directory, command } = vehicle;
    vehicle.boot();
    await backend.registered();
    const first = deliveryPathOf(directory);
    assert.is(statSync(join(directory, 'state/delivery-path')).mode & 0o777, 0o600);
    const registered = backend.registeredAgain();
    const renewed = await command('renew-path');
    assert.is(renewed.exitCode, 0, renewed.err);
    assert.is(renewed.out, 'made a new delivery path; it is being registered\n');
    const second = deliveryPathOf(directory);
    assert.is.not(second, first);
    assert.is((await deliver(at(first), offer('old'))).status, 200);
    await registered;
    assert.is((await deliver(at(second), offer('new'))).status, 200);
    // The agent accepts the old path until 5 s after the new registration.
    await until('the old path is refused', async () => {
      return (await deliver(at(first), offer('old'))).status === 404;
    });
    assert.is((await deliver(at(first), offer('too-old'))).status, 404);
    const one = packageOf({ name: 'good', version: '1.0.0' }, randomBytes(70_000));
    backend.server.notify([one]);
    await until('offered', async () => (await known(vehicle)).includes('good'));
    assert.is((await command('accept', 'good')).exitCode, 0);
    await vehicle.reported(one);
    assert.not((await known(vehicle)).includes('too-old'));
    // The next agent has the same path; no output shows the secret.
    assert.is(await vehicle.agent().kill(), 0);
    const again = backend.registeredAgain();
    vehicle.boot();
    await again;
    assert.is(deliveryPathOf(directory), second);
    assert.is((await deliver(at(second), offer('next'))).status, 200);
    const said = [await command('status', '--json'), await command('why'), await command('config')];
    const shown = [vehicle.logs(), ...said.flatMap(({ out, err }) => [out, err])].join('\n');
    for (const path of [first, second]) assert.not(shown.includes(path.slice(1, 20)));
  });
});

test('makes another path when the file is gone or damaged', async () => {
  await withListener(async (vehicle, at) => {
    const { backend, directory } = vehicle;
    const file = join(directory, 'state/delivery-path');
    for (const damage of [
      () => undefined,
      () => rmSync(file),
      () => writeFileSync(file, Buffer.alloc(512)),
    ]) {
      damage();
      const registered = backend.registeredAgain();
      vehicle.boot();
      await registered;
      assert.match(readFileSync(file, 'utf8'), /^[0-9a-f]{64}\n$/);
      assert.is((await deliver(at(deliveryPathOf(directory)), offer('any'))).status, 200);
      assert.is(await vehicle.agent().kill(), 0);
    }
    assert.is(vehicle.logs().match(/warn path-lost/g)?.length, 1);
  });
});

test('a fixed path is warned of, and not renewed', async () => {
  await withListener(
    async (vehicle, at) => {
      const { backend, command } = vehicle;
      const agent = vehicle.boot();
      await backend.registered();
      await agent.logged(/warning: .*rvi\.path is fixed, so it can be guessed/);
      assert.is((await deliver(at('/sota'), offer('any'))).status, 200);
      assert.is((await deliver(at('/'), offer('any'))).status, 404);
      const renewed = await command('renew-path');
      assert.is(renewed.exitCode, 1);
      assert.match(renewed.err, /rvi\.path is a fixed path/);
      assert.match((await command('config')).err, /warning: .*rvi\.path is fixed/);
    },
    { path: '/sota' },
  );
});

test('refuses services that nobody registered, and counts them', async () => {
  await withListener(async (vehicle, at) => {
    vehicle.boot();
    await vehicle.backend.registered();
    const address = at(deliveryPathOf(vehicle.directory));
    const foreign = [
      '/other/notify',
      '/sota/cancel',
      '/sota/report',
      'genivi.org/backend/sota/start',
      '',
      '/sota/notify/x',
      '/sota/../sota/notify',
      '/SOTA/notify',
    ];
    for (const service of foreign) {
      assert.match((await deliver(address, offer('x', service))).text, /"code":-3260[12]/, service);
    }
    await until('counted', async () => {
      return (await vehicle.status()).counters.refused === foreign.length;
    });
    assert.equal(await known(vehicle), []);
  });
});

test('counts a flood, and logs a few lines of it', async () => {
  await withListener(async (vehicle, at) => {
    vehicle.boot();
    await vehicle.backend.registered();
    const address = at(deliveryPathOf(vehicle.directory));
    for (let sent = 0; sent < 300; sent += 20) {
      const origin = { Origin: 'https://page.example' };
      const some = Array.from({ length: 20 }, () => deliver(address, offer('page'), origin));
      for (const { status } of await Promise.all(some)) assert.is(status, 404);
    }
    await until('counted', async () => (await vehicle.status()).counters.refused === 300);
    assert.equal(await known(vehicle), []);
    await vehicle.agent().logged(/warn request-rejected/);
    const lines = vehicle.logs().match(/warn request-rejected/g)?.length ?? 0;
    assert.ok(lines <= 20, `${lines} lines`);
  });
});

/** Requests that Node's parser rejects get the same answer, log line and count as others. */
function rawRequests(path: string): readonly (readonly [what: string, sent: string | Buffer])[] {
  const host = 'Host: 127.0.0.1';
  const json = `Content-Type: application/json\r\nContent-Length: 2`;
  const whole = (line: string, ...headers: readonly string[]) =>
    [line, ...headers, json, '', '{}'].join('\r\n');
  const line = `POST ${path} HTTP/1.1`;
  return [
    ['bare line feeds', whole(line, host).replaceAll('\r\n', '\n')],
    ['a TLS handshake', Buffer.from('16030100050100000100', 'hex')],
    ['no host', whole(line)],
    ['a head of 9 KiB', whole(line, host, `X-Forwarded-For: ${'x'.repeat(9_216)}`)],
    ['GET', `GET ${path} HTTP/1.1\r\n${host}\r\n\r\n`],
    ['a bad expectation', whole(line, host, 'Expect: 200-ok')],
    ['CONNECT', `CONNECT 127.0.0.1:80 HTTP/1.1\r\n${host}\r\n\r\n`],
    ['an upgrade', whole(line, host, 'Connection: Upgrade', 'Upgrade: websocket')],
    ['two lengths', whole(line, host, 'Content-Length: 3')],
    ['noise', 'noise\r\n\r\n'],
    ['another path', whole('POST / HTTP/1.1', host)],
  ];
}

const spoken = (port: number, sent: string | Buffer) =>
  new Promise<string>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    socket.on('close', () => resolve(text)).on('error', reject);
    socket.write(sent);
  });

test('leaves a trace of everything that it refuses, and gives one answer to all', async () => {
  await withListener(async (vehicle, at) => {
    vehicle.boot();
    await vehicle.backend.registered();
    const all = rawRequests(deliveryPathOf(vehicle.directory));
    const answers = new Map<string, string>();
    for (const [done, [what, sent]] of all.entries()) {
      answers.set(what, await spoken(Number(new URL(at('/')).port), sent));
      await until(`counted: ${what}`, async () => {
        return (await vehicle.status()).counters.refused === done + 1;
      });
      // The agent logs at most ten lines of a kind per minute.
      if (done >= 10) continue;
      const line = 'warn request-rejected address=127.0.0.1 reason=';
      await until(`logged: ${what}`, () => vehicle.logs().split(line).length > done + 1);
      assert.is(vehicle.logs().split(line).length, done + 2, what);
    }
    const [first = '', ...others] = new Set(answers.values());
    assert.match(first, /^HTTP\/1\.1 404 Not Found\r\n[^]*Connection: close\r\n\r\nNot Found\n$/);
    assert.equal(others, []);
  });
});

test('skips a byte order mark before JSON and before the configuration', async () => {
  await withListener(async (vehicle, at) => {
    const text = readFileSync(vehicle.config, 'utf8');
    writeFileSync(vehicle.config, `\ufeff${text}`);
    vehicle.boot();
    await vehicle.backend.registered();
    const address = at(deliveryPathOf(vehicle.directory));
    assert.match((await deliver(address, `\ufeff${offer('marked')}`)).text, '"status":0');
    assert.match((await deliver(address, `\ufeff\ufeff${offer('twice')}`)).text, '-32700');
    await until('offered', async () => (await known(vehicle)).join() === 'marked');
  });
});

test('the control socket does nothing of what HTTP brings, and closes', async () => {
  await withListener(async (vehicle, at) => {
    vehicle.boot();
    await vehicle.backend.registered();
    await deliver(at(deliveryPathOf(vehicle.directory)), offer('maps'));
    await until('offered', async () => (await known(vehicle)).join() === 'maps');
    const order = '{"command":"accept","name":"maps"}\n';
    const head = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${order.length}\r\n\r\n`;
    const said = await new Promise<string>((resolve, reject) => {
      const socket = connect(join(vehicle.directory, 'control.sock'));
      let text = '';
      socket.setEncoding('utf8').on('data', (part: string) => (text += part));
      socket.on('close', () => resolve(text)).on('error', reject);
      socket.write(head + order);
    });
    assert.match(said, /^\{"ok":false,"code":"bad-json"[^\n]*\n$/);
    assert.is((await vehicle.status()).packages[0]?.phase, 'offered');
  });
});

test.run();
