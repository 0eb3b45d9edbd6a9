// Tests each dialect of the server against protocol 2.2 and 2.3, with direct calls: which messages
// it sends, which messages of a vehicle it accepts, and which it ignores.
import { createServer } from './server.ts';
import { defaultDevice, defaultVin } from './backend.ts';
import { prefixOf } from './dialects.ts';
import { assert, suite } from '../support/suite.ts';
import { createVirtualClock, packageOfChunks } from './fakes.ts';
import type { Body } from './dialect.ts';

const test = suite('the dialects of the server');

const one = packageOfChunks('hello', 2);
const services = Object.fromEntries(
  ['start', 'chunk', 'finish', 'getpackages', 'abort'].map((name) => [name, `p/sota/${name}`]),
);
const who = { P2: { vin: defaultVin }, P3: { device: defaultDevice } };

function createRig(dialect: 'P2' | 'P3') {
  const sent: (readonly [service: string, body: unknown])[] = [];
  const clock = createVirtualClock();
  const server = createServer(
    { kind: 'S-M', dialect, prefix: 'genivi.org/backend' },
    {
      now: clock.nowMs,
      after: clock.after,
      send: (service, [body]) => void sent.push([service, body]),
    },
  );
  const hear = (service: string, body: Body) =>
    server.receive(`/sota/${service}`, [{ ...who[dialect], ...body }]);
  const last = () => sent.at(-1);
  return { server, sent, hear, last, update: () => updateIn(sent[0]?.[1]) };
}

function updateIn(body: unknown): Body {
  const found: { readonly update_available?: Body } = Object(body);
  return found.update_available ?? {};
}

for (const dialect of ['P2', 'P3'] as const) {
  test(`${dialect} offers one update a message, each with an id of its own`, () => {
    const { server, sent, update } = createRig(dialect);
    server.notify([one, packageOfChunks('other', 1)], true);
    assert.equal(
      sent.map(([service]) => service),
      ['/sota/notify', '/sota/notify'],
    );
    const { update_id: id, ...rest } = update();
    assert.match(String(id), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal(rest, {
      signature: `signature of ${String(id)}`,
      description: 'hello 1.2.3',
      request_confirmation: true,
      size: 65_537,
    });
    assert.is.not(updateIn(sent[1]?.[1])['update_id'], id);
  });

  test(`${dialect} goes from the start to the report by the id of the update`, () => {
    const { server, hear, last, update } = createRig(dialect);
    server.notify([one]);
    const { update_id, signature } = update();
    hear('start', { update_id, services });
    const { checksum } = one;
    assert.equal(last(), ['/sota/start', { update_id, checksum, chunkscount: 2 }]);
    hear('ack', { update_id, chunks: [] });
    assert.equal(last(), ['/sota/chunk', { update_id, index: 1, bytes: one.chunk(1) }]);
    hear('ack', { update_id, chunks: [1, 2] });
    assert.equal(last(), ['/sota/finish', { update_id, signature }]);
    const result = { id: update_id, result_code: 1, result_text: 'was there' };
    hear('report', { update_report: { update_id, operation_results: [result] } });
    assert.equal(server.outcomes, [{ id: one.id, status: true, text: 'was there' }]);
    const packages = [{ name: 'hello', version: '1.2.3' }];
    hear('packages', { installed_software: { packages, firmware: [] } });
    assert.equal(server.lists, [packages]);
  });

  test(`${dialect} makes another update of a package that is offered again`, () => {
    const { server, sent, hear, update } = createRig(dialect);
    server.notify([one]);
    const { update_id } = update();
    hear('start', { update_id, services });
    const failed = { id: update_id, result_code: 4, result_text: 'no' };
    hear('report', { update_report: { update_id, operation_results: [failed] } });
    assert.is(server.outcomes[0]?.status, false);
    server.notify([one]);
    assert.is.not(updateIn(sent.at(-1)?.[1])['update_id'], update_id);
  });
}

for (const dialect of ['P2', 'P3'] as const) {
  const result = { id: defaultDevice, result_code: 0, result_text: '' };
  const report = { update_id: defaultDevice, operation_results: [result] };
  const silent: readonly (readonly [what: string, service: string, body: Body])[] = [
    ['a start without services', 'start', { update_id: defaultDevice }],
    ['an update that is no UUID', 'start', { update_id: 'hello', services }],
    ['a package instead of an update', 'ack', { package: one.id, chunks: [] }],
    ['chunks that are no numbers', 'ack', { update_id: defaultDevice, chunks: ['1'] }],
    ['a report of P1', 'report', { package: one.id, status: true, description: '' }],
    ['a result without a text', 'report', reportWith({ result_text: undefined })],
    ['a result code as text', 'report', reportWith({ result_code: '0' })],
    ['a result code beyond the table', 'report', reportWith({ result_code: 20 })],
    ['a list of P1', 'packages', { packages: [] }],
    ['software without firmware', 'packages', { installed_software: { packages: [] } }],
    ['another vehicle id', 'report', { vin: 'short', device: 'short', update_report: report }],
  ];

  function reportWith(change: Body): Body {
    return { update_report: { ...report, operation_results: [{ ...result, ...change }] } };
  }

  test(`${dialect} is silent about what it cannot read`, () => {
    for (const [what, service, body] of silent) {
      const { server, hear } = createRig(dialect);
      server.notify([one]);
      hear(service, body);
      assert.is(server.log.at(-1)?.ignored, 'not to be decoded', what);
    }
  });
}

test('only P3 wants a UUID for the id of an operation', () => {
  for (const dialect of ['P2', 'P3'] as const) {
    const { server, hear, update } = createRig(dialect);
    server.notify([one]);
    const { update_id } = update();
    hear('start', { update_id, services });
    const result = { id: '1', result_code: 0, result_text: '' };
    hear('report', { update_report: { update_id, operation_results: [result] } });
    assert.is(server.outcomes.length, dialect === 'P2' ? 1 : 0);
  }
});

test('the node has the vehicle by its VIN, from P3 on by its UUID', () => {
  assert.is(prefixOf('P2', 'V1', 'uuid'), 'genivi.org/vin/V1');
  assert.is(prefixOf('P3', 'V1', 'uuid'), 'genivi.org/device/uuid');
});

test.run();
