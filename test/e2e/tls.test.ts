// Tests the agent over TLS: a TLS front end of the test requires the vehicle's certificate, and
// passes the bytes on to the backend. Deliveries arrive over plain HTTP, as on a device.
import { chmodSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createServer } from 'node:tls';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { listening, portOf } from '../backend/edge-http.ts';
import { packageOf } from '../backend/package.ts';
import { askAgent, startAgent, writeConfig } from '../support/agent.ts';
import { hasOpenssl, makeCertificates } from '../support/certificates.ts';
import { assert, suite } from '../support/suite.ts';
import { createVehicle } from '../support/vehicle.ts';
import type { TlsOptions } from 'node:tls';
import type { Certificates, Pair } from '../support/certificates.ts';
import type { Vehicle } from '../support/vehicle.ts';

const test = suite('TLS');
const testTls = test.needs('openssl', hasOpenssl);

type Front = {
  readonly port: number;
  /** The names in the certificates of accepted clients; `refused` has the errors. */
  readonly shown: string[];
  readonly refused: string[];
  stop(): Promise<void>;
};

async function createFront(
  made: Certificates,
  target: string,
  more: TlsOptions = {},
): Promise<Front> {
  const shown: string[] = [];
  const refused: string[] = [];
  const demand = { requestCert: true, rejectUnauthorized: true, ca: made.ca.cert };
  const server = createServer({ ...made.node, ...demand, ...more }, (socket) => {
    shown.push(String(socket.getPeerCertificate().subject.CN));
    const onward = connect(Number(new URL(target).port), '127.0.0.1');
    socket.on('close', () => onward.destroy()).on('error', () => undefined);
    onward.on('close', () => socket.destroy()).on('error', () => undefined);
    onward.pipe(socket).pipe(onward);
  });
  server.on('tlsClientError', (error) => refused.push(error.message));
  await listening(server, 0);
  return {
    port: portOf(server.address(), 0),
    shown,
    refused,
    stop: () => new Promise((done) => void server.close(() => done())),
  };
}

function configOf(
  vehicle: Vehicle,
  front: Front,
  made: Certificates,
  ca: Buffer,
  mine: Pair = made.vehicle,
): string {
  const { backend, directory } = vehicle;
  const isHttp = backend.url.startsWith('http');
  const files = { tls_ca: ca, tls_cert: mine.cert, tls_key: mine.key };
  const paths = Object.entries(files).map(([key, pem]) => {
    const path = join(directory, `${key}.pem`);
    writeFileSync(path, pem, { mode: 0o600 });
    return [key, path] as const;
  });
  return writeConfig(directory, {
    rvi: {
      url: `${isHttp ? 'https' : 'wss'}://127.0.0.1:${front.port}`,
      ...(isHttp ? { listen: '127.0.0.1:0' } : {}),
      ...Object.fromEntries(paths),
    },
    installer: { default: 'command', command: { program: 'true' } },
  });
}

for (const transport of ['http', 'ws'] as const) {
  const scheme = transport === 'http' ? 'https' : 'wss';

  testTls(`a session over ${scheme}, both sides with their certificates`, async () => {
    const made = makeCertificates();
    const vehicle = await createVehicle({ transport });
    const { backend } = vehicle;
    const front = await createFront(made, backend.url);
    const one = packageOf({ name: 'one', version: '1.0.0' }, randomBytes(200_000));
    const agent = startAgent(configOf(vehicle, front, made, made.ca.cert));
    await backend.registered();
    backend.server.notify([one]);
    await vehicle.reported(one);
    assert.is(backend.server.outcomes[0]?.status, true);
    assert.equal([...new Set(front.shown)], ['vehicle']);
    assert.is(await agent.kill(), 0);
    await vehicle.end();
    await front.stop();
  });

  testTls(`a node of another authority is told once, and tried again (${scheme})`, async () => {
    const made = makeCertificates();
    const vehicle = await createVehicle({ transport });
    const front = await createFront(made, vehicle.backend.url);
    const agent = startAgent(configOf(vehicle, front, made, made.otherCa.cert));
    const [line] = await agent.logged(/.* warn node-disconnected .*/);
    assert.match(line, new RegExp(`${scheme}://127.0.0.1:${front.port}.*certificate`));
    await agent.logged(/debug node-(disconnected|reconnecting)/);
    const told = agent
      .log()
      .split('\n')
      .filter((one) => / (warn|error) /.test(one));
    assert.equal(told, [line]);
    assert.equal(front.shown, []);
    assert.equal(vehicle.backend.node.registered(), []);
    assert.is(await agent.kill(), 0);
    await vehicle.end();
    await front.stop();
  });
}

type Renewal = {
  readonly scheme: 'https' | 'wss';
  readonly what: string;
  readonly before: 'expired' | 'vehicle';
  readonly after: 'otherVehicle' | 'vehicle';
  readonly authority: 'ca' | 'otherCa';
};

const renewals: readonly Renewal[] = [
  { scheme: 'https', what: 'expired', before: 'expired', after: 'vehicle', authority: 'ca' },
  {
    scheme: 'wss',
    what: 'of an authority that the node takes no more',
    before: 'vehicle',
    after: 'otherVehicle',
    authority: 'otherCa',
  },
];

for (const { scheme, what, before, after, authority } of renewals) {
  testTls(`a certificate ${what} is renewed without a restart (${scheme})`, async () => {
    const made = makeCertificates();
    const vehicle = await createVehicle({ transport: scheme === 'wss' ? 'ws' : 'http' });
    const { backend, directory } = vehicle;
    const demand = { ca: made[authority].cert };
    const front = await createFront(made, backend.url, demand);
    const agent = startAgent(configOf(vehicle, front, made, made.ca.cert, made[before]));
    await agent.logged(/ warn node-disconnected /);
    assert.equal([front.shown, front.refused.length > 0], [[], true]);
    writeFileSync(join(directory, 'tls_cert.pem'), made[after].cert);
    writeFileSync(join(directory, 'tls_key.pem'), made[after].key);
    await agent.logged(/ info tls-reloaded/);
    await backend.registered();
    const one = packageOf({ name: 'one', version: '1.0.0' }, randomBytes(200_000));
    backend.server.notify([one]);
    await vehicle.reported(one);
    assert.is(backend.server.outcomes[0]?.status, true);
    assert.equal([...new Set(front.shown)], [after === 'vehicle' ? 'vehicle' : 'renewed']);
    assert.is(await agent.kill(), 0);
    await vehicle.end();
    await front.stop();
  });
}

/** No environment variable may disable verification, not even the one that disables it in Node. */
const unverified = { NODE_TLS_REJECT_UNAUTHORIZED: '0' };
const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' } as const;

const refusedNodes = [
  ['another authority', 'otherCa', () => ({}), /self-signed|unable to/],
  ['another name', 'ca', ({ misnamed }: Certificates) => misnamed, /not in the cert's list/],
  ['TLS 1.1', 'ca', () => old, /no common TLS version/],
] as const;

for (const [what, authority, more, said] of refusedNodes) {
  testTls(`a node of ${what} is refused, whatever the environment says`, async () => {
    const made = makeCertificates();
    for (const transport of ['http', 'ws'] as const) {
      const vehicle = await createVehicle({ transport });
      const front = await createFront(made, vehicle.backend.url, more(made));
      const config = configOf(vehicle, front, made, made[authority].cert);
      const agent = startAgent(config, unverified);
      const [line] = await agent.logged(/.* warn node-disconnected .*/);
      assert.match(line, said);
      assert.equal(front.shown, []);
      assert.is(await agent.kill(), 0);
      await vehicle.end();
      await front.stop();
    }
  });
}

testTls('a key that others may read is warned of at the start, and by `config`', async () => {
  const made = makeCertificates();
  const vehicle = await createVehicle({});
  const front = await createFront(made, vehicle.backend.url);
  const config = configOf(vehicle, front, made, made.ca.cert);
  const key = join(vehicle.directory, 'tls_key.pem');
  const asked = ['config', '--config', config];
  assert.not.match((await askAgent(asked)).err, 'tls_key');
  chmodSync(key, 0o644);
  assert.match(
    (await askAgent(asked)).err,
    `${key} has mode 0644: users other than its owner have access`,
  );
  const agent = startAgent(config);
  await agent.logged(/ warn tls-key-permissions reason="\[rvi\] tls_key: .* chmod 600 it"/);
  await vehicle.backend.registered();
  assert.is(await agent.kill(), 0);
  await vehicle.end();
  await front.stop();
});

testTls('a file that is not there, or is none, is named before anything begins', async () => {
  const made = makeCertificates();
  const vehicle = await createVehicle({});
  const front = await createFront(made, vehicle.backend.url);
  const config = configOf(vehicle, front, made, Buffer.from('no certificate'));
  const agent = startAgent(config);
  assert.is(await agent.ended, 1);
  assert.match(agent.log(), 'error startup-failed reason="[rvi] tls_ca: no certificate"');
  assert.equal(front.shown, []);
  await vehicle.end();
  await front.stop();
});

test.run();
