// Tests the warning for each way in which TLS can fail, with a peer that has exactly this fault: it
// must name the faulty side and the key to check, and must not contain text of OpenSSL.
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { startAgent, writeConfig } from '../support/agent.ts';
import { hasOpenssl } from '../support/certificates.ts';
import { assert, suite } from '../support/suite.ts';
import { createKit } from '../support/tls-faults.ts';
import { listening, portOf } from '../backend/edge-http.ts';
import type { Server } from 'node:net';
import type { Kit, Peer } from '../support/tls-faults.ts';

const test = suite('failures of TLS');
const testTls = test.needs('openssl', hasOpenssl);
let kit: Kit | undefined;
test.before(() => {
  if (hasOpenssl) kit = createKit();
});
test.after(() => kit?.remove());

function given(): Kit {
  if (kit === undefined) throw new Error('no kit');
  return kit;
}

type Files = { readonly ca?: string; readonly mine?: string; readonly key?: string };

/** Text of OpenSSL, hints of Node, and minified code. */
const foreign = /error:[0-9A-F]{8}|SSL routines|--use-system-ca|openssl\/|[0-9A-F]{16}|EPROTO/;

/** Returns the agent's first warning about the link to that peer, and its whole log. */
async function warned(url: string, files: Files, code = 'warn node-disconnected') {
  const directory = mkdtempSync(join(tmpdir(), 'sota-tls-fault-'));
  const { ca, mine, key = mine } = files;
  const config = writeConfig(directory, {
    rvi: {
      url,
      ...(url.startsWith('http') ? { listen: '127.0.0.1:0' } : {}),
      ...(ca === undefined ? {} : { tls_ca: given().path(ca) }),
      ...(mine === undefined ? {} : { tls_cert: given().path(`${mine}.crt`) }),
      ...(key === undefined ? {} : { tls_key: given().path(`${key}.key`) }),
    },
    installer: { default: 'command', command: { program: 'true' } },
  });
  const agent = startAgent(config);
  const [line] = await agent.logged(new RegExp(`.* ${code} .*`));
  await agent.kill();
  const log = agent.log();
  assert.not.match(log, foreign);
  rmSync(directory, { recursive: true });
  return { line, log };
}

async function started(server: Server): Promise<Peer> {
  server.on('connection', (socket) => socket.on('error', () => undefined));
  await listening(server, 0);
  const stop = () => new Promise<void>((done) => void server.close(() => done()));
  return { port: portOf(server.address(), 0), stop };
}

const demand = ['-Verify', '1', '-verify_return_error', '-CAfile', 'ca.crt'] as const;
const good: Files = { ca: 'ca.crt', mine: 'vehicle' };
const bare: Files = { ca: 'ca.crt' };

type Case = readonly [
  what: string,
  serve: () => Promise<Peer>,
  files: Files,
  said: RegExp,
  scheme?: 'http',
];

const old = ['-tls1_1', '-cipher', 'ALL@SECLEVEL=0'] as const;
const weak = ['-cipher', 'ALL@SECLEVEL=0'] as const;

const cases: readonly Case[] = [
  [
    'an unknown authority',
    () => given().serve('node'),
    { ca: 'other.crt' },
    /this device does not trust the issuer of its certificate .*: check rvi\.tls_ca/,
  ],
  [
    'no authority at all that is known',
    () => given().serve('node', '-cert_chain', 'ca.crt'),
    {},
    /(trust the issuer of its certificate|self-signed authority).*: check rvi\.tls_ca/,
  ],
  [
    'a self-signed certificate',
    () => given().serve('self'),
    bare,
    /its certificate is self-signed and not trusted .*: check rvi\.tls_ca/,
  ],
  [
    'an expired certificate',
    () => given().serve('expired-node'),
    bare,
    /its certificate has expired \(CERT_HAS_EXPIRED\) \(is this device's clock right\?\)/,
  ],
  [
    'a certificate that is not valid yet',
    () => given().serve('future-node'),
    bare,
    /its certificate is not valid yet \(CERT_NOT_YET_VALID\) \(is this device's clock right\?\)/,
  ],
  [
    'a certificate for another name',
    () => given().serve('misnamed'),
    bare,
    /for another name: IP: 127\.0\.0\.1 is not in the cert's list.*: check rvi\.url/,
  ],
  [
    'a certificate for clients only',
    () => given().serve('client-node'),
    bare,
    /its certificate is not for a server/,
  ],
  [
    'a key that is too small',
    () => given().serve('small-node', ...weak),
    bare,
    /its certificate has a key or a digest that is too weak/,
  ],
  [
    'a digest that is too weak',
    () => given().serve('weak-node', ...weak),
    bare,
    /its certificate has a key or a digest that is too weak/,
  ],
  ...(['-tls1_2', '-tls1_3'] as const).flatMap((version): readonly Case[] => {
    const ask = (...more: readonly string[]) => given().serve('node', version, ...demand, ...more);
    return [
      [
        `a certificate of ours that is missing (${version})`,
        () => ask(),
        bare,
        /requires a client certificate.*: check rvi\.tls_cert/,
      ],
      [
        `a certificate of ours of an authority that the node does not know (${version})`,
        () => ask(),
        { ca: 'ca.crt', mine: 'foreign' },
        /it does not trust the issuer of the certificate of the agent .*: check rvi\.tls_cert/,
      ],
      [
        `a certificate of ours that has expired (${version})`,
        () => ask(),
        { ca: 'ca.crt', mine: 'expired' },
        /reports that the certificate .* has expired.*rvi\.tls_cert.*expired on 20.*renew it/,
      ],
      [
        `a certificate of ours that is not valid yet (${version})`,
        () => ask(),
        { ca: 'ca.crt', mine: 'future' },
        /the certificate of the agent.*rvi\.tls_cert.*is not valid before 20.*clock right/,
      ],
      [
        `a certificate of ours that was revoked (${version})`,
        () => ask('-CAfile', 'ca-and-crl.pem', '-crl_check'),
        { ca: 'ca.crt', mine: 'revoked' },
        /it reports that the certificate of the agent was revoked .*: check rvi\.tls_cert/,
      ],
    ];
  }),
  [
    'TLS 1.1',
    () => given().serve('node', ...old),
    bare,
    /no common TLS version; this device uses 1\.2 and later/,
  ],
  [
    'no cipher in common',
    () => given().serve('node', '-tls1_2', '-cipher', 'AES128-SHA'),
    bare,
    /it found no common cipher, or requires a client certificate .*: check rvi\.tls_cert/,
  ],
  [
    'plain HTTP where TLS is expected',
    () => started(createHttpServer((_, response) => void response.end('{}'))),
    bare,
    /it does not answer in TLS .*: check rvi\.url/,
  ],
  [
    'a port that hangs up',
    () => started(createTcpServer((socket) => void socket.destroy())),
    bare,
    /ended the connection during the TLS handshake: does it use TLS\? check rvi\.url/,
  ],
  [
    'TLS where plain HTTP is expected',
    () => given().serve('node'),
    {},
    /the node (answered in TLS where HTTP was expected|ended the connection).*/,
    'http',
  ],
  [
    'a key of ours that is too small',
    () => given().serve('node', ...weak),
    { ca: 'ca.crt', mine: 'small' },
    /the key of the certificate of the agent is too small .*: check rvi\.tls_cert/,
  ],
];

for (const [what, serve, files, said, scheme] of cases) {
  testTls(`names ${what}`, async () => {
    const peer = await serve();
    const schemes = scheme === undefined ? ['https', 'wss'] : ['http', 'ws'];
    for (const one of schemes) {
      const { line } = await warned(`${one}://127.0.0.1:${peer.port}`, files);
      assert.match(line, said, `${said} ${line}`);
      assert.match(line, `${one}://127.0.0.1:${peer.port}`);
    }
    await peer.stop();
  });
}

testTls('warns at the start of a certificate of ours that is out of date, and starts', async () => {
  const peer = await given().serve('node');
  const url = `https://127.0.0.1:${peer.port}`;
  for (const [mine, said] of [
    ['expired', /the certificate of the agent \(rvi\.tls_cert\) has expired on 20.*: renew it/],
    [
      'future',
      /the certificate of the agent \(rvi\.tls_cert\) is not valid before 20.*clock right\?/,
    ],
  ] as const) {
    const { log } = await warned(url, { ca: 'ca.crt', mine }, 'info started');
    assert.match(log, new RegExp(` warn tls-certificate-dates reason=".*${said.source}`));
  }
  assert.not.match((await warned(url, good, 'info started')).log, 'tls-certificate-dates');
  await peer.stop();
});

testTls('does not start with a key that is encrypted or of another certificate', async () => {
  for (const [files, said] of [
    [{ ...good, key: 'locked' }, /rvi\] tls_key: is encrypted/],
    [{ ...good, key: 'node' }, /rvi\] tls_key: does not belong to the certificate in tls_cert/],
  ] as const) {
    const { line } = await warned('https://127.0.0.1:1', files, 'error startup-failed');
    assert.match(line, said);
  }
});

testTls('names the proxy when the fault is of TLS with the proxy', async () => {
  const cert = readFileSync(given().path('self.crt'));
  const key = readFileSync(given().path('self.key'));
  const proxy = await started(createTlsServer({ cert, key }));
  const directory = mkdtempSync(join(tmpdir(), 'sota-tls-fault-'));
  const config = writeConfig(directory, {
    rvi: {
      ...{ url: 'https://127.0.0.1:1', listen: '127.0.0.1:0' },
      proxy: `https://127.0.0.1:${proxy.port}`,
    },
    installer: { default: 'command', command: { program: 'true' } },
  });
  const agent = startAgent(config);
  const [line] = await agent.logged(/.* warn node-disconnected .*/);
  await agent.kill();
  const name = `the proxy 127.0.0.1:${proxy.port}: its certificate is self-signed`;
  assert.match(line, name);
  assert.match(line, ': check rvi.proxy');
  assert.not.match(agent.log(), foreign);
  rmSync(directory, { recursive: true });
  await proxy.stop();
});

test.run();
