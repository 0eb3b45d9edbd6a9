// Tests the TLS files with certificates by openssl: the files are renewed, broken and repaired. A
// node over TLS records the certificates of its clients and whether a session was resumed.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocketServer } from 'ws';
import { createDisk } from '../../../../../src/host/disk.ts';
import { tlsFilesEveryMs } from '../../../../../src/limits.ts';
import { openTlsFiles } from '../../../../../src/backends/rvi/transport/tls-files.ts';
import { hasOpenssl, makeCertificates } from '../../../../support/certificates.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { createFakeClock } from '../../../../support/control.ts';
import { closed, createLogLines, listening, openSecure } from '../../../../support/transport.ts';
import { until } from '../../../../support/idle.ts';
import type { TLSSocket } from 'node:tls';
import type { Pair } from '../../../../support/certificates.ts';

const test = suite('TLS files');
const testTls = test.needs('openssl', hasOpenssl);
let directory = '';
test.before(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-tls-files-'));
});
test.after(() => rmSync(directory, { recursive: true }));

const paths = () => ({
  ca: join(directory, 'ca.pem'),
  cert: join(directory, 'cert.pem'),
  key: join(directory, 'key.pem'),
});

function put({ cert, key }: Pair, mode = 0o600): void {
  writeFileSync(paths().cert, cert);
  writeFileSync(paths().key, key);
  chmodSync(paths().key, mode);
}

async function open(ca: Pair, mine: Pair, mode?: number, wallMs = Date.now() + 60_000) {
  writeFileSync(paths().ca, ca.cert);
  put(mine, mode);
  const clock = createFakeClock(wallMs);
  const { log, lines } = createLogLines();
  const opened = await openTlsFiles({ clock, disk: createDisk(), log }, paths());
  if (!opened.ok) throw new Error(opened.reason);
  const codes = () => lines.map((line) => line.split(' ', 2).join(' '));
  return { clock, lines, codes, source: opened.value };
}

testTls('reads again for a new connection, and at most every 10 s', async () => {
  const { ca, vehicle, node } = makeCertificates();
  const { clock, source, codes } = await open(ca, vehicle);
  const first = await source();
  put(node);
  await clock.advance(tlsFilesEveryMs - 1);
  assert.is(await source(), first);
  await clock.advance(1);
  const second = await source();
  assert.equal(second.cert, node.cert);
  assert.equal(second.key, node.key);
  assert.is(second.rejectUnauthorized, true);
  await clock.advance(tlsFilesEveryMs);
  // For unchanged files it returns the same context, so that sessions can resume.
  assert.is(await source(), second);
  assert.equal(codes(), ['info tls-reloaded']);
});

testTls('keeps the last good ones, and says so once, whatever is half written', async () => {
  const { ca, otherCa, vehicle, node } = makeCertificates();
  const { clock, source, lines } = await open(ca, vehicle);
  const first = await source();
  const both = Buffer.concat([ca.cert, otherCa.cert]);
  const half = node.cert.subarray(0, 200);
  const broken: readonly (readonly [string, () => void, RegExp])[] = [
    ['a key of before', () => writeFileSync(paths().cert, node.cert), /does not belong/],
    ['half a certificate', () => writeFileSync(paths().cert, half), /tls_cert: no certificate/],
    ['an empty key', () => writeFileSync(paths().key, ''), /tls_key: no private key/],
    ['no key', () => rmSync(paths().key), /tls_key: ENOENT/],
    ['a half of the second', () => writeFileSync(paths().ca, both.subarray(0, -100)), /tls_ca/],
  ];
  for (const [what, spoil, said] of broken) {
    put(vehicle);
    writeFileSync(paths().ca, ca.cert);
    await clock.advance(tlsFilesEveryMs);
    assert.is(await source(), first, what);
    lines.splice(0);
    spoil();
    for (let tries = 0; tries < 5; tries += 1) {
      await clock.advance(tlsFilesEveryMs);
      assert.is(await source(), first, what);
    }
    assert.is(lines.length, 1, `${what}: ${lines.join('\n')}`);
    assert.match(lines[0] ?? '', /^warn tls-reload-failed /);
    assert.match(lines[0] ?? '', said);
  }
  lines.splice(0);
  writeFileSync(paths().ca, both);
  put(node);
  await clock.advance(tlsFilesEveryMs);
  assert.equal((await source()).ca, both);
  assert.match(lines.join('\n'), /^info tls-reloaded [^\n]*$/);
});

testTls('warns of a key that others may use, at the start and when it is renewed', async () => {
  const { ca, vehicle, node } = makeCertificates();
  for (const mode of [0o640, 0o604, 0o660]) {
    const { lines } = await open(ca, vehicle, mode);
    const said = `has mode 0${mode.toString(8)}: users other than its owner have access`;
    const reason = `[rvi] tls_key: ${paths().key} ${said}: chmod 600 it`;
    assert.equal(lines, [`warn tls-key-permissions ${JSON.stringify({ reason })}`]);
  }
  const { clock, source, codes } = await open(ca, vehicle, 0o400);
  assert.equal(codes(), []);
  put(node, 0o644);
  await clock.advance(tlsFilesEveryMs);
  await source();
  assert.equal(codes(), ['info tls-reloaded', 'warn tls-key-permissions']);
});

/** Opens a connection four times, with renewed certificates from the third on. */
async function visits(scheme: 'https' | 'wss', maxVersion: 'TLSv1.2' | 'TLSv1.3') {
  const { ca, vehicle, node } = makeCertificates();
  const demand = { ...node, ca: ca.cert, requestCert: true, rejectUnauthorized: true };
  const seen: string[] = [];
  let last: TLSSocket | undefined;
  const server = createServer({ ...demand, maxVersion }, (_, answer) => answer.end('{"id":1}'));
  server.on('secureConnection', (socket) => {
    const { CN } = socket.getPeerCertificate().subject;
    seen.push(`${String(CN)}${socket.isSessionReused() ? ' again' : ''}`);
    last = socket;
  });
  const links = new WebSocketServer({ server });
  links.on('connection', (link) => link.on('message', () => link.send('{"id":1}')));
  const { clock, source } = await open(ca, vehicle);
  const { transport, recorder } = openSecure(scheme, await listening(server), source);
  const ups = () => recorder.events.filter((event) => event === 'up').length;
  for (let visit = 1; visit <= 4; visit += 1) {
    await until('up', () => ups() === (scheme === 'wss' ? visit : 1));
    assert.ok((await transport.call({ id: '1', text: '{"id":1}', timeLimitMs: 20_000 })).ok);
    if (visit === 2) put(node);
    if (visit === 2) await clock.advance(tlsFilesEveryMs);
    const socket = last;
    socket?.end();
    await until('gone', () => socket?.destroyed === true);
  }
  await transport.close();
  await closed(server);
  return seen.slice(0, 4);
}

for (const scheme of ['https', 'wss'] as const) {
  testTls(`${scheme}: takes its session up again, but not with another certificate`, async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const seen = await visits(scheme, version);
      assert.equal(seen, ['vehicle', 'vehicle again', 'node', 'node again']);
    }
  });
}

test.run();
