// Tests TLS with certificates by openssl and nodes on 127.0.0.1 that require a certificate of the
// vehicle: success and each kind of failure, over https and over wss.
import { createServer } from 'node:https';
import { WebSocketServer } from 'ws';
import { createTls } from '../../../../../src/backends/rvi/transport/tls.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { hasOpenssl, makeCertificates } from '../../../../support/certificates.ts';
import { closed, listening, openSecure } from '../../../../support/transport.ts';
import { pause, until } from '../../../../support/idle.ts';
import type { ServerOptions } from 'node:https';
import type { TlsContext, TlsFiles } from '../../../../../src/backends/rvi/transport/tls.ts';
import type { CallResult } from '../../../../../src/backends/rvi/transport/transport.ts';
import type { Certificates, Pair } from '../../../../support/certificates.ts';

const test = suite('tls');
const testTls = test.needs('openssl', hasOpenssl);
const none: Pair = { cert: Buffer.of(), key: Buffer.of() };
let made: Certificates = {
  ca: none,
  otherCa: none,
  node: none,
  misnamed: none,
  vehicle: none,
  expired: none,
  otherVehicle: none,
  lockedKey: none.key,
};
test.before(() => {
  if (hasOpenssl) made = makeCertificates();
});

function context(files: Partial<TlsFiles>): TlsContext {
  const result = createTls({ ca: undefined, cert: undefined, key: undefined, ...files });
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

function reason(files: Partial<TlsFiles>): string {
  const result = createTls({ ca: undefined, cert: undefined, key: undefined, ...files });
  return result.ok ? 'ok' : result.reason;
}

const right = () => context({ ca: made.ca.cert, ...made.vehicle });

/** Returns the result of a call over the transport, and the name in the vehicle's certificate. */
async function callBy(scheme: 'https' | 'wss', tls: TlsContext, more: ServerOptions) {
  const shown: string[] = [];
  const server = createServer(
    { ...made.node, ca: made.ca.cert, requestCert: true, rejectUnauthorized: true, ...more },
    (_, response) => void response.end('{"id":1}'),
  );
  server.on('secureConnection', (socket) => {
    if (socket.authorized) shown.push(String(socket.getPeerCertificate().subject.CN));
  });
  const nodes = new WebSocketServer({ server });
  nodes.on('connection', (link) => link.on('message', () => link.send('{"id":1}')));
  const port = await listening(server);
  const { transport, recorder } = openSecure(scheme, port, () => Promise.resolve(tls));
  await until('opened', () => recorder.events.length > 0);
  const result = await transport.call({ id: '1', text: '{"id":1}', timeLimitMs: 2_000 });
  const { networkAddress } = transport;
  await transport.close();
  await closed(server);
  return { result, shown, events: recorder.events, networkAddress };
}

const codeOf = (result: CallResult) => (result.ok ? `ok ${result.text}` : result.code);
const reasonOf = (result: CallResult) => (result.ok ? '' : result.reason);

for (const scheme of ['https', 'wss'] as const) {
  testTls(`${scheme}: both sides show their certificates`, async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { result, shown, networkAddress } = await callBy(scheme, right(), { maxVersion });
      assert.equal([codeOf(result), shown], ['ok {"id":1}', ['vehicle']]);
      // The node delivers without TLS.
      assert.is(networkAddress?.startsWith('http://') ?? false, scheme === 'https');
    }
  });

  testTls(`${scheme}: a node that wants a certificate refuses us without one`, async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { result, shown } = await callBy(scheme, context({ ca: made.ca.cert }), { maxVersion });
      assert.is(result.ok, false);
      assert.equal(shown, []);
    }
  });

  testTls(`${scheme}: a node of another authority is refused`, async () => {
    const tls = context({ ca: made.otherCa.cert, ...made.vehicle });
    const { result, shown } = await callBy(scheme, tls, {});
    assert.is(codeOf(result), 'tls');
    assert.match(reasonOf(result), `${scheme}://127.0.0.1`);
    assert.equal(shown, []);
  });

  testTls(`${scheme}: nor one of no known authority, of another name, or of TLS 1.1`, async () => {
    const { result } = await callBy(scheme, context({}), {});
    assert.is(codeOf(result), 'tls');
    const misnamed = await callBy(scheme, right(), made.misnamed);
    assert.is(codeOf(misnamed.result), 'tls');
    assert.match(reasonOf(misnamed.result), /IP: 127\.0\.0\.1 is not in the cert's list/);
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' } as const;
    assert.is(codeOf((await callBy(scheme, right(), old)).result), 'tls');
  });
}

testTls('wss: the reason is told when the link does not come up', async () => {
  const { events } = await callBy('wss', context({ ca: made.otherCa.cert, ...made.vehicle }), {});
  assert.is(events.length, 1);
  assert.match(events[0] ?? '', /^down: wss:.*certificate/);
  await pause(0);
});

testTls('takes a file of several authorities, and one with words between them', async () => {
  const both = Buffer.concat([made.otherCa.cert, Buffer.from('\n# ours\n'), made.ca.cert]);
  const { result } = await callBy('https', context({ ca: both, ...made.vehicle }), {});
  assert.is(codeOf(result), 'ok {"id":1}');
});

testTls('verifies always, from TLS 1.2 on', () => {
  assert.is(right().rejectUnauthorized, true);
  assert.is(right().minVersion, 'TLSv1.2');
  assert.is(reason({}), 'ok');
});

testTls('refuses files that can never work', () => {
  const { ca, vehicle, node, lockedKey } = made;
  const junk = Buffer.from('junk');
  const empty = Buffer.of();
  const torn = ca.cert.subarray(0, ca.cert.length / 2);
  const broken = Buffer.from(ca.cert.toString().replace(/\n[A-Za-z0-9+/]{8}/, '\nAAAAAAAA'));
  for (const bad of [junk, empty, torn, broken, vehicle.key]) {
    assert.is(reason({ ca: bad }), 'tls_ca: no certificate');
    assert.is(reason({ cert: bad, key: vehicle.key }), 'tls_cert: no certificate');
  }
  for (const bad of [junk, empty, vehicle.cert]) {
    assert.is(reason({ cert: vehicle.cert, key: bad }), 'tls_key: no private key in PEM');
  }
  assert.match(reason({ cert: vehicle.cert, key: lockedKey }), 'is encrypted');
  assert.match(reason({ cert: vehicle.cert, key: node.key }), 'does not belong');
  assert.match(reason({ cert: vehicle.cert }), 'only one of them');
  assert.match(reason({ key: vehicle.key }), 'only one of them');
});

test.run();
