// Method: a TLS front of the test's own before the backend, that insists on the vehicle's
// certificate and passes bytes on. Deliveries come back over plain HTTP, as they do on a device.
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createServer } from 'node:tls';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { listening, portOf } from '../backend/edge-http.ts';
import { packageOf } from '../backend/package.ts';
import { startAgent, writeConfig } from '../support/agent.ts';
import { hasOpenssl, makeCertificates } from '../support/certificates.ts';
import { assert, suite } from '../support/suite.ts';
import { createVehicle } from '../support/vehicle.ts';
import type { Certificates } from '../support/certificates.ts';
import type { Vehicle } from '../support/vehicle.ts';

const test = suite('TLS');
const testTls = test.needs('openssl', hasOpenssl);

type Front = { readonly port: number; readonly shown: string[]; stop(): Promise<void> };

async function createFront(made: Certificates, target: string): Promise<Front> {
  const shown: string[] = [];
  const demand = { requestCert: true, rejectUnauthorized: true, ca: made.ca.cert };
  const server = createServer({ ...made.node, ...demand }, (socket) => {
    shown.push(String(socket.getPeerCertificate().subject.CN));
    const onward = connect(Number(new URL(target).port), '127.0.0.1');
    socket.on('close', () => onward.destroy()).on('error', () => undefined);
    onward.on('close', () => socket.destroy()).on('error', () => undefined);
    onward.pipe(socket).pipe(onward);
  });
  server.on('tlsClientError', () => undefined);
  await listening(server, 0);
  return {
    port: portOf(server.address(), 0),
    shown,
    stop: () => new Promise((done) => void server.close(() => done())),
  };
}

function configOf(vehicle: Vehicle, front: Front, made: Certificates, ca: Buffer): string {
  const { backend, directory } = vehicle;
  const isHttp = backend.url.startsWith('http');
  const files = { tls_ca: ca, tls_cert: made.vehicle.cert, tls_key: made.vehicle.key };
  const paths = Object.entries(files).map(([key, pem]) => {
    const path = join(directory, `${key}.pem`);
    writeFileSync(path, pem);
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
    await backend.registered(60_000);
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
    const [line] = await agent.logged(/.* warn link-lost .*/, 60_000);
    assert.match(line, new RegExp(`${scheme}://127.0.0.1:${front.port}.*certificate`));
    await agent.logged(/debug link-(lost|retried)/, 60_000);
    const told = agent.log().split('\n').filter((one) => / (warn|error) /.test(one));
    assert.equal(told, [line]);
    assert.equal(front.shown, []);
    assert.equal(vehicle.backend.node.registered(), []);
    assert.is(await agent.kill(), 0);
    await vehicle.end();
    await front.stop();
  });
}

testTls('a file that is not there, or is none, is named before anything begins', async () => {
  const made = makeCertificates();
  const vehicle = await createVehicle({});
  const front = await createFront(made, vehicle.backend.url);
  const config = configOf(vehicle, front, made, Buffer.from('no certificate'));
  const agent = startAgent(config);
  assert.is(await agent.ended, 1);
  assert.match(agent.log(), 'error not-started reason="[rvi] tls_ca: no certificate"');
  assert.equal(front.shown, []);
  await vehicle.end();
  await front.stop();
});

test.run();
