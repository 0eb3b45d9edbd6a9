// Tests the check of a delivery with tables of request heads from nodes, plain clients, proxies and
// browsers.
import { readFileSync } from 'node:fs';
import { refusalOf } from '../../../../../src/backends/rvi/transport/delivery-check.ts';
import { assert, suite } from '../../../../support/suite.ts';
import type { Expected } from '../../../../../src/backends/rvi/transport/delivery-check.ts';

const test = suite('delivery check');

const expected: Expected = {
  hosts: ['127.0.0.1', 'localhost', '[::1]', 'ecu.example'],
  ports: [9_080, 80],
  isPath: (target) => target === '/secret',
};
type Pairs = readonly (readonly [name: string, value: string])[];

const ofNode: Pairs = [
  ['Host', '127.0.0.1'],
  ['Content-Length', '9'],
  ['Content-Type', 'application/json'],
];
const without = (name: string) => ofNode.filter(([one]) => one !== name);
const check = (headers: Pairs, target = '/secret', method = 'POST') =>
  refusalOf({ method, target, rawHeaders: headers.flat() }, expected);
const changed = (name: string, value: string): Pairs => [...without(name), [name, value]];

const taken: readonly (readonly [what: string, headers: Pairs])[] = [
  ['node 0.3, 0.4 or 0.5.1', ofNode],
  ['names in lower case', ofNode.map(([name, value]) => [name.toLowerCase(), value] as const)],
  ['a host with the port of the listener', changed('Host', '127.0.0.1:9080')],
  ['a host with the port of network_address', changed('Host', 'ecu.example:80')],
  ['a host in capitals', changed('Host', 'ECU.Example')],
  ['localhost', changed('Host', 'localhost:9080')],
  ['IPv6 loopback', changed('Host', '[::1]:9080')],
  ['json-rpc', changed('Content-Type', 'application/json-rpc')],
  ['jsonrequest', changed('Content-Type', 'application/jsonrequest')],
  ['a charset', changed('Content-Type', 'Application/JSON; charset=utf-8')],
  ['a charset in quotes', changed('Content-Type', 'application/json;charset="UTF-8"')],
  ['no content type', without('Content-Type')],
  ['httpc of Erlang', [...ofNode, ['te', ''], ['Connection', 'keep-alive']]],
  ['curl', [...ofNode, ['User-Agent', 'curl/8.5.0'], ['Accept', '*/*']]],
  ['an older curl', [...ofNode, ['User-Agent', 'curl/7.50'], ['Expect', '100-continue']]],
  ['chunks', [...without('Content-Length'), ['Transfer-Encoding', 'chunked']]],
  ['nginx', [...ofNode, ['Connection', 'close'], ['X-Real-IP', '::1'], ['X-Forwarded-For', '::1']]],
  ['a gateway', [...ofNode, ['Via', '1.1 x'], ['Forwarded', 'for=x'], ['X-Forwarded-Host', 'x']]],
];
for (const [what, headers] of taken) {
  test(`takes ${what}`, () => assert.is(check(headers), undefined));
}

/** Headers that browsers add; each header alone must cause a rejection. */
const ofBrowsers: Pairs = [
  ['Origin', 'https://page.example'],
  ['Origin', 'null'],
  ['Origin', 'http://127.0.0.1:9080'],
  ['Origin', ''],
  ['Referer', 'http://127.0.0.1:9080/'],
  ['Cookie', 'a=b'],
  ['Cookie2', '$V=1'],
  ['Sec-Fetch-Site', 'none'],
  ['Sec-Fetch-Mode', 'cors'],
  ['Sec-Fetch-Dest', 'empty'],
  ['Sec-WebSocket-Key', 'x'],
  ['Sec-GPC', '1'],
  ['sec-ch-ua', '"x"'],
  ['Sec-Purpose', 'prefetch'],
  ['Upgrade', 'websocket'],
  ['Upgrade-Insecure-Requests', '1'],
  ['HTTP2-Settings', 'x'],
  ['Authorization', 'Basic x'],
  ['Proxy-Authorization', 'x'],
  ['Proxy-Connection', 'keep-alive'],
  ['Access-Control-Request-Method', 'POST'],
  ['Access-Control-Request-Private-Network', 'true'],
  ['Access-Control-Allow-Origin', '*'],
  ['Accept-Language', 'en'],
  ['DNT', '1'],
  ['Priority', 'u=1'],
  ['Cache-Control', 'max-age=0'],
  ['Pragma', 'no-cache'],
  ['Purpose', 'prefetch'],
  ['X-Requested-With', 'XMLHttpRequest'],
  ['Ping-To', 'x'],
  ['If-None-Match', '*'],
  ['Range', 'x'],
  ['Content-Encoding', 'gzip'],
  ['Early-Data', '1'],
  ['X-Anything', ''],
  ['__proto__', 'x'],
  ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64)'],
  ['Connection', 'Upgrade'],
  ['Connection', 'keep-alive, Upgrade'],
  ['Expect', '200-ok'],
];
for (const [name, value] of ofBrowsers) {
  test(`refuses ${name}: ${value}`, () => {
    const reason = check([...ofNode, [name, value]]) ?? 'taken';
    assert.match(reason, /header|user agent|connection|expect/);
    // The position and the case of the name do not matter.
    assert.ok(check([[name.toUpperCase(), value], ...ofNode]));
  });
}

const hosts = [
  '',
  ' ',
  'page.example',
  'page.example:9080',
  '127.0.0.1:9081',
  '127.0.0.1:',
  '127.0.0.1:0x2378',
  '127.0.0.2',
  '127.1',
  '0.0.0.0',
  '0.0.0.0:9080',
  '2130706433',
  'localhost.',
  'localhost.page.example',
  'ecu.example.',
  'a.ecu.example',
  '[::1',
  '::1',
  '[::]',
  '[::ffff:127.0.0.1]',
  '127.0.0.1, x',
  'http://127.0.0.1',
  'x@127.0.0.1',
  '127.0.0.1/secret',
  '127.0.0.1 127.0.0.1',
  '[::1]x',
  'xn--x',
] as const;
for (const host of hosts) {
  test(`refuses the host "${host}"`, () => {
    assert.match(check(changed('Host', host)) ?? 'taken', 'host');
  });
}

const types = [
  '',
  'text/plain',
  'text/plain;charset=UTF-8',
  'application/x-www-form-urlencoded',
  'text/json',
  'multipart/form-data; boundary=application/json',
  'application/octet-stream',
  'application/jsonx',
  'application/json, text/plain',
  'text/plain; application/json',
  'application/json; x=y',
  '*/*',
  'application/ld+json',
  'application/csp-report',
  'application/reports+json',
  'application/json;',
] as const;
for (const type of types) {
  test(`refuses the content type "${type}"`, () => {
    assert.match(check(changed('Content-Type', type)) ?? 'taken', 'content type');
  });
}

test('refuses what is there twice, whatever it says', () => {
  for (const [name, value] of ofNode) {
    const twice = check([...ofNode, [name.toLowerCase(), value]]);
    assert.is(twice, `more than one header ${name.toLowerCase()}`);
  }
});

test('refuses a request without a host', () => {
  assert.is(check(without('Host')), 'no header host');
});

test('refuses every method but POST', () => {
  for (const method of ['GET', 'HEAD', 'PUT', 'OPTIONS', 'DELETE', 'CONNECT', 'post', '']) {
    assert.is(check(ofNode, '/secret', method), 'the method is not POST');
  }
});

test('refuses every other path, and does not repeat it', () => {
  for (const target of ['/', '', '/secret/', '/secret?', '/Secret', '/%73ecret', '//secret', '*']) {
    assert.is(check(ofNode, target), 'the path is not the one that was registered');
  }
  assert.ok(check(ofNode, 'http://127.0.0.1/secret'));
});

test('refuses more headers than anybody sends', () => {
  const many = Array.from({ length: 40 }, (_, at) => [`X-Forwarded-${at}`, 'x'] as const);
  assert.match(check([...ofNode, ...many]) ?? '', 'more than 32 headers');
});

test('names what it refuses in a few words', () => {
  const long = check([...ofNode, ['X'.repeat(5_000), 'x']]) ?? '';
  const host = check(changed('Host', 'x'.repeat(5_000))) ?? '';
  const type = check(changed('Content-Type', 'x'.repeat(5_000))) ?? '';
  for (const reason of [long, host, type]) assert.ok(reason.length > 0 && reason.length < 250);
});

test('takes and refuses the headers that the page names', () => {
  const page = readFileSync('docs/integrate/node-and-server.md', 'utf8');
  const rows = page.split('\n').filter((line) => /^\| (names of headers )?\| those/.test(line));
  const namesIn = (cell = '') =>
    [...cell.matchAll(/`([\w-]+\*?)`/g)].map(([, name = '']) => name.replace('*', 'any'));
  const cells = rows.map((row) => row.split('| '));
  const takenNames = cells.flatMap(([, , cell]) => namesIn(cell));
  const refusedNames = cells.flatMap(([, , , cell]) => namesIn(cell));
  assert.ok(takenNames.length >= 18 && refusedNames.length >= 10);
  const value = new Map([
    ['Connection', 'close'],
    ['Expect', '100-continue'],
  ]);
  const isThere = new Set(ofNode.map(([name]) => name));
  for (const name of takenNames.filter((one) => !isThere.has(one))) {
    assert.is(check([...ofNode, [name, value.get(name) ?? 'x']]), undefined, name);
  }
  for (const name of refusedNames) assert.match(check([...ofNode, [name, 'x']]) ?? '', 'header');
});

test.run();
