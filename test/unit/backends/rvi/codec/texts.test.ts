// Tests that both forms of a delivery give the same request. Node 0.5.1 formats each value of a
// body from its WebSocket as a JSON text, and does not change a body from HTTP. The test reads
// every body that a server sends in both forms.
import { nodeDialects } from '../../../../../src/backends/rvi/codec/node-dialect.ts';
import { decodeRequest, namesOf, serviceOf } from '../../../../../src/backends/rvi/codec/sota.ts';
import { backend, hints as blank, names as byVin } from '../../../../support/core.ts';
import { assert, suite } from '../../../../support/suite.ts';
import type { DialectContext } from '../../../../../src/backends/rvi/codec/dialects.ts';

const test = suite('values that are JSON texts');

const sum = '1234567890123456789012345678901234567890';
const update_id = '0fa1b2c3-0000-4000-8000-00000000beef';
const pkg = { name: '12', version: '1.0' };
const bytes = Buffer.from('some bytes of a chunk').toString('base64');
const device = namesOf((service) => `genivi.org/device/${update_id}/sota/${service}`);
const offer = {
  ...{ update_id, signature: '77', description: 'true', request_confirmation: false, size: 9 },
};

type Case = readonly [dialect: string, service: string, body: object, hints: DialectContext];

const p1: DialectContext = { ...blank, names: byVin };
const updates: readonly (readonly [string, DialectContext])[] = [
  ['P2', { ...blank, learned: 'P2', names: byVin }],
  ['P3', { ...blank, learned: 'P3', names: device }],
];

const cases: readonly Case[] = [
  ['P1', 'notify', { packages: [{ package: pkg, size: 5 }], services: backend }, p1],
  ['P1', 'start', { package: pkg, checksum: sum, chunkscount: 3 }, p1],
  ['P1', 'chunk', { package: pkg, index: 2, bytes }, p1],
  ['P1', 'chunk', { package: pkg, index: 2, bytes: '1234' }, p1],
  ['P1', 'finish', { package: pkg }, p1],
  ['P1', 'abort', { package: pkg }, p1],
  ['P1', 'getpackages', {}, p1],
  ...updates.flatMap(([name, hints]): readonly Case[] => [
    [name, 'notify', { update_available: offer, services: backend }, hints],
    [name, 'start', { update_id, checksum: sum, chunkscount: 3 }, hints],
    [name, 'chunk', { update_id, index: 2, bytes }, hints],
    [name, 'chunk', { update_id, index: 2, bytes: 'null' }, hints],
    [name, 'finish', { update_id, signature: '' }, hints],
    [name, 'finish', { update_id, signature: '4711' }, hints],
    [name, 'abort', { update_id }, hints],
    [name, 'getpackages', {}, hints],
  ]),
];

function read(
  service: string,
  parameters: unknown,
  hints: DialectContext,
  way: keyof typeof nodeDialects = 'rvi-0.5',
): unknown {
  const params = { service_name: `/sota/${service}`, parameters };
  const text = JSON.stringify({ 'json-rpc': '2.0', method: 'message', params });
  const incoming = nodeDialects[way].decodeIncoming(text);
  if (incoming.kind !== 'message') throw new Error(incoming.kind);
  const name = serviceOf(incoming.service, undefined);
  if (name === undefined) throw new Error(incoming.service);
  const request = decodeRequest(name, incoming.parameters, hints);
  if (!request.ok) throw new Error(`${service}: ${request.reason}`);
  return request.value;
}

const inTexts = (body: object) =>
  Object.fromEntries(Object.entries(body).map(([name, value]) => [name, JSON.stringify(value)]));

for (const [dialect, service, body, hints] of cases) {
  test(`${dialect}: ${service} of ${JSON.stringify(body).slice(0, 60)}`, () => {
    const plain = read(service, [body], hints);
    assert.equal(read(service, body, hints), plain, 'bare');
    assert.equal(read(service, inTexts(body), hints), plain, 'texts');
    assert.equal(read(service, [inTexts(body)], hints), plain, 'texts in a list');
    assert.equal(read(service, inTexts(body), hints, 'jsonrpc'), plain, 'over HTTP');
  });
}

test('an id of digits is no number, and what is no text stays as it is', () => {
  const hints: DialectContext = { ...blank, learned: 'P2', names: byVin };
  const finish = { update_id: '20160601', signature: '4711' };
  assert.match(JSON.stringify(read('finish', finish, hints)), '"name":"20160601"');
  assert.match(JSON.stringify(read('finish', inTexts(finish), hints)), '"name":"20160601"');
});

test('a body of half texts is refused by its field, and no value is guessed', () => {
  const body = { package: JSON.stringify(pkg), checksum: sum, chunkscount: 3 };
  assert.throws(() => read('start', body, p1), /package/);
});

test.run();
