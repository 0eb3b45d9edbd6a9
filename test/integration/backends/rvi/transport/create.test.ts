// Tests which transport a configuration creates, with certificates on the real disk and nodes that
// record their clients.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSettings } from '../../../../../src/config.ts';
import { createDisk } from '../../../../../src/host/disk.ts';
import { createTransport } from '../../../../../src/backends/rvi/transport/create.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { createFakeClock } from '../../../../support/control.ts';
import { hasOpenssl, makeCertificates } from '../../../../support/certificates.ts';
import { createLogLines } from '../../../../support/transport.ts';

const test = suite('transport');
let directory = '';
test.before(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-transport-'));
});
test.after(() => rmSync(directory, { recursive: true }));

async function create(rvi: string): Promise<string> {
  const text = `[rvi]\n${rvi}\n`;
  const read = readSettings({ file: 'c.toml', text, environment: {} });
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  const { log } = createLogLines();
  const ports = { clock: createFakeClock(), random: { unit: () => 0.5 }, log, disk: createDisk() };
  const made = await createTransport(ports, read.settings);
  if (!made.ok) return `${made.code}: ${made.reason}`;
  const { networkAddress } = made.value;
  await made.value.close();
  return networkAddress ?? 'websocket';
}

test('is HTTP or WebSocket by the URL, and says where we listen', async () => {
  assert.is(await create('url = "http://127.0.0.1:1"'), 'http://127.0.0.1:9080');
  assert.is(await create('url = "HTTPS://127.0.0.1:1"'), 'http://127.0.0.1:9080');
  const given = 'url = "http://127.0.0.1:1"\nnetwork_address = "http://ecu:9080"';
  assert.is(await create(given), 'http://ecu:9080');
  assert.is(await create('url = "ws://127.0.0.1:1"'), 'websocket');
  assert.is(await create('url = "WSS://127.0.0.1:1"'), 'websocket');
});

test('names the key whose file is missing or wrong', async () => {
  const missing = join(directory, 'missing');
  const url = 'url = "https://127.0.0.1:1"';
  const said = await create(`${url}\ntls_ca = ${JSON.stringify(missing)}`);
  assert.match(said, /^ENOENT: \[rvi\] tls_ca: ENOENT.*missing/);
  const junk = join(directory, 'junk');
  writeFileSync(junk, 'junk');
  const wrong = await create(`${url}\ntls_ca = ${JSON.stringify(junk)}`);
  assert.is(wrong, 'tls: [rvi] tls_ca: no certificate');
});

test.needs('openssl', hasOpenssl)('reads the certificates', async () => {
  const { ca, vehicle, node } = makeCertificates();
  const files = { tls_ca: ca.cert, tls_cert: vehicle.cert, tls_key: vehicle.key };
  const lines = Object.entries(files).map(([key, data]) => {
    writeFileSync(join(directory, key), data);
    return `${key} = ${JSON.stringify(join(directory, key))}`;
  });
  const rvi = ['url = "wss://127.0.0.1:1"', ...lines].join('\n');
  assert.is(await create(rvi), 'websocket');
  writeFileSync(join(directory, 'tls_key'), node.key);
  assert.match(await create(rvi), /^tls: \[rvi\] tls_key: does not belong/);
});

test.run();
