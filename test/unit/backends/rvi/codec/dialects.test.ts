// Tests the dialects P2 and P3 against protocol 2.2 and 2.3: each call of the server and each
// message of the agent. Other tests select the dialect from calls, configuration and stored facts.
import {
  dialectOfRequest,
  dialectOfMessage,
} from '../../../../../src/backends/rvi/codec/dialects.ts';
import {
  decodeRequest,
  encodeMessage,
  namesOf,
} from '../../../../../src/backends/rvi/codec/sota.ts';
import { descriptionBytesMax, signatureBytesMax } from '../../../../../src/limits.ts';
import { backend, hints as blank, names as byVin, settings } from '../../../../support/core.ts';
import { assert, suite } from '../../../../support/suite.ts';
import type { ReportCode, Update } from '../../../../../src/core/model.ts';
import type { Message } from '../../../../../src/backends/rvi/messages.ts';
import type { DialectContext } from '../../../../../src/backends/rvi/codec/dialects.ts';

const test = suite('the dialects');

const device = '123e4567-e89b-42d3-a456-426655440000';
const update_id = '0fa1b2c3-0000-4000-8000-00000000beef';
const id = { name: update_id, version: '' };
const sum = 'e6db09bd2c84db66534107da4ef00e6addccba8e';
const vin = 'VIN45678901234567';
const prefix = `genivi.org/device/${device}/sota`;
const byDevice = namesOf((service) => `${prefix}/${service}`);
const p2: DialectContext & { names: typeof byVin } = { ...blank, names: byVin };
const p3: typeof p2 = { ...blank, names: byDevice };

const offer = {
  update_id,
  signature: 'sig',
  description: 'maps of 2016',
  request_confirmation: true,
  size: 9,
};
const notify = { update_available: offer, services: backend };

function decoded(
  service: Parameters<typeof decodeRequest>[0],
  body: unknown,
  hints: DialectContext = p3,
) {
  const read = decodeRequest(service, body, hints);
  return read.ok ? read.value : read.reason;
}

const changed = (change: object) =>
  decoded('notify', { update_available: { ...offer, ...change } });

function offered(change: object): Update {
  const read = changed(change);
  const update = typeof read === 'object' && read.kind === 'notify' ? read.offers[0]?.update : null;
  if (typeof update !== 'object' || update === null) throw new Error(JSON.stringify(read));
  return update;
}

// ---------------------------------------------------------------- requests of the server

test('a notify offers one update, with its signature, its words and its wish', () => {
  const update = { signature: 'sig', description: 'maps of 2016', isConfirmationWanted: true };
  const rest = { kind: 'notify', offers: [{ id, sizeBytes: 9, update }], refused: [] };
  assert.equal(decoded('notify', notify, p2), { ...rest, services: backend, dialect: 'P2' });
  assert.equal(decoded('notify', notify), { ...rest, services: backend, dialect: 'P3' });
  const early = decoded('notify', { update: offer, services: backend }, p2);
  assert.equal(early, { ...rest, services: backend, dialect: 'P2' }, 'for nine days: update');
});

test('all else goes by the id of the update', () => {
  const start = { kind: 'start', id, checksum: sum, chunksCount: 3 };
  assert.equal(decoded('start', { update_id, checksum: sum, chunkscount: 3 }), start);
  const chunk = { kind: 'chunk', id, chunkIndex: 2, data: Buffer.from('ABC') };
  assert.equal(decoded('chunk', { update_id, index: 2, bytes: 'QUJD' }), chunk);
  const finish = { kind: 'finish', id, signature: 'newer' };
  assert.equal(decoded('finish', { update_id, signature: 'newer' }), finish);
  assert.equal(decoded('abort', { update_id }), { kind: 'abort', id });
  assert.equal(decoded('abort', null), { kind: 'abort', id: undefined });
  assert.equal(decoded('getpackages', null), { kind: 'getpackages' });
});

test('an id that is no name is refused, wherever it stands', () => {
  for (const bad of ['', '../x', 'a\0', 7, {}, 'x'.repeat(256)]) {
    for (const service of ['start', 'chunk', 'finish', 'abort'] as const) {
      assert.match(String(decoded(service, { update_id: bad })), /^update_id: /);
    }
    assert.match(String(changed({ update_id: bad })), /^update_available\.update_id: /);
  }
});

test('what is for people loses no offer; half a signature is none', () => {
  for (const bad of [undefined, null, 7, {}]) {
    assert.is(offered({ description: bad }).description, '');
  }
  const long = offered({ description: `x${'ü'.repeat(descriptionBytesMax)}` });
  assert.is(Buffer.byteLength(long.description), descriptionBytesMax - 1, 'no half character');
  assert.is(offered({ description: 'a\0b\ud800' }).description, 'a b\ufffd');
  assert.is(offered({ signature: undefined }).signature, '');
  for (const bad of [7, {}, 'a\0', '\ud800', 'x'.repeat(signatureBytesMax + 1)]) {
    assert.match(String(changed({ signature: bad })), /^update_available\.signature: /);
    const finish = decoded('finish', { update_id, signature: bad });
    assert.equal(finish, { kind: 'finish', id }, 'and no finish is lost for it');
  }
});

test('only a clear no means that nobody is to be asked', () => {
  for (const [wish, isWanted] of [
    [false, false],
    [undefined, false],
    [true, true],
    ['no', true],
  ]) {
    assert.is(offered({ request_confirmation: wish }).isConfirmationWanted, isWanted);
  }
});

// ---------------------------------------------------------------- messages of the agent

function spelled(message: Message, hints: typeof p2): unknown {
  const outgoing = encodeMessage(message, backend, hints, vin);
  if (!outgoing.ok) return outgoing.reason;
  assert.is(outgoing.parameters.length, 1, 'a list of one');
  return outgoing.parameters[0];
}

const reportOf = (code: ReportCode, status = false) =>
  ({ kind: 'report', report: { id, status, code, description: 'so \ud83d' } }) as const;

test('P3 says what it says as the device, by the id of the update', () => {
  const { notify: _, ...services } = byDevice;
  assert.equal(spelled({ kind: 'start', id }, p3), { device, update_id, services });
  const ack = { device, update_id, chunks: [1, 2] };
  assert.equal(spelled({ kind: 'ack', id, chunks: [1, 2] }, p3), ack);
  const result = { id: update_id, result_code: 0, result_text: 'so \ufffd' };
  const update_report = { update_id, operation_results: [result] };
  assert.equal(spelled(reportOf('ok', true), p3), { device, update_report });
  const packages = [{ name: 'a', version: '1' }];
  const installed_software = { packages, firmware: [] };
  assert.equal(spelled({ kind: 'packages', packages }, p3), { device, installed_software });
});

test('P2 does so by the VIN, and by the names of its first days as well', () => {
  const { notify: _, ...services } = byVin;
  assert.equal(spelled({ kind: 'start', id }, p2), { vin, update_id, services });
  assert.equal(spelled({ kind: 'ack', id, chunks: [] }, p2), { vin, update_id, chunks: [] });
  const result = { id: update_id, result_code: 4, result_text: 'so \ufffd' };
  const update_report = { update_id, operation_results: [result] };
  const report = { vin, update_report, update: update_report };
  assert.equal(spelled(reportOf('install-failed'), p2), report);
  const packages = [{ name: 'a', version: '1' }];
  const list = { vin, packages, installed_software: { packages, firmware: [] } };
  assert.equal(spelled({ kind: 'packages', packages }, { ...p2, learned: 'P2' }), list);
});

test('each outcome has its number in the table of result codes', () => {
  const numbers: { readonly [code in ReportCode]: number } = {
    ok: 0,
    'already-processed': 1,
    'validation-failed': 3,
    'install-failed': 4,
    'user-declined': 13,
    'disk-full': 15,
    'old-version': 17,
    'general-error': 19,
  };
  const codes = Object.keys(numbers).filter((code): code is ReportCode => code in numbers);
  for (const code of codes) {
    const status = numbers[code] <= 1;
    const told = JSON.stringify(spelled(reportOf(code, status), p3));
    assert.match(told, `"result_code":${numbers[code]},`);
  }
});

test('a list for a server of P1 goes out in P3 where the vehicle has no VIN', () => {
  const list: Message = { kind: 'packages', packages: [] };
  const dialectWith = (vin: string | undefined) => {
    const outgoing = encodeMessage(list, backend, { ...p3, learned: 'P1' }, vin);
    return outgoing.ok ? outgoing.dialect : outgoing.reason;
  };
  assert.equal([dialectWith('V1'), dialectWith(undefined)], ['P1', 'P3']);
});

test('a vehicle without its id sends nothing, and logs why', () => {
  assert.is(
    spelled({ kind: 'packages', packages: [] }, { ...p2, messages: 'P3' }),
    'no UUID of the device: set [device] uuid, or name it in the node service prefix',
  );
  const outgoing = encodeMessage({ kind: 'start', id }, backend, p2, undefined);
  assert.match(outgoing.ok ? '' : outgoing.reason, /^no VIN: set \[device\] vin/);
  const configured = { ...p2, messages: 'P3', device: { vin: undefined, uuid: device } } as const;
  const said = spelled({ kind: 'ack', id, chunks: [] }, configured);
  assert.equal(said, { device, update_id, chunks: [] });
});

// ---------------------------------------------------------------- selection of the dialect

test('hears P1, P2 or P3 by what came and by how the node names the vehicle', () => {
  const odd = `acme/unit/${device}/sota/start`;
  const byUnit = { ...byVin, start: odd };
  for (const [body, hints, heard] of [
    [{ packages: [] }, p3, 'P1'],
    [{ package: {} }, p3, 'P1'],
    [notify, p2, 'P2'],
    [notify, p3, 'P3'],
    [{ update_id }, p3, 'P3'],
    [notify, { ...p3, learned: 'P2' }, 'P3'],
    [notify, { ...p2, learned: 'P3' }, 'P2'],
    [notify, { ...p2, names: byUnit }, 'P3'],
    [notify, { ...p2, names: { ...byVin, start: 'acme/unit/7/sota/start' } }, 'P2'],
    [notify, blank, 'P2'],
    [notify, { ...blank, learned: 'P3' }, 'P3'],
    [notify, { ...blank, device: { vin: undefined, uuid: device } }, 'P3'],
    [notify, { ...p3, messages: 'P2' }, 'P2'],
    [notify, { ...p3, messages: 'P1' }, 'P1'],
  ] as const) {
    assert.is(dialectOfRequest(body, hints), heard, JSON.stringify([body, hints]));
  }
  assert.match(String(decoded('notify', notify, { ...p3, messages: 'P1' })), /^packages: /);
  const seed = { packages: [{ package: { name: 'a', version: '1' } }] };
  const refused = decoded('notify', seed, { ...p3, messages: 'P3' });
  assert.match(String(refused), /^update_available: /);
});

test('says of a notify only what can be told', () => {
  const dialectOf = (hints: DialectContext) => {
    const read = decoded('notify', notify, hints);
    return typeof read === 'object' && read.kind === 'notify' ? read.dialect : read;
  };
  assert.is(dialectOf(blank), undefined, 'before the node has named our services');
  assert.is(dialectOf({ ...blank, learned: 'P3' }), 'P3');
  assert.is(dialectOf({ ...blank, messages: 'P2' }), 'P2');
  assert.is(dialectOf(p3), 'P3');
});

test('speaks of a package as it came, and of all packages as was learnt', () => {
  const ghc = { name: 'ghc', version: '7.6.2' };
  const list = { kind: 'packages', packages: [] } as const;
  for (const [message, hints, spoken] of [
    [{ kind: 'start', id: ghc }, { ...p3, learned: 'P3', messages: 'P3' }, 'P1'],
    [{ kind: 'start', id }, { ...p2, learned: 'P1', messages: 'P1' }, 'P2'],
    [reportOf('ok', true), { ...p3, learned: 'P1' }, 'P3'],
    [list, { ...p2, learned: 'P2' }, 'P2'],
    [list, { ...p2, learned: 'P1' }, 'P1'],
    [list, p2, 'P1'],
    [list, p3, 'P3'],
    [list, { ...p3, messages: 'P2' }, 'P2'],
  ] as const) {
    assert.is(dialectOfMessage(message, hints), spoken, JSON.stringify([message, hints]));
  }
  assert.is(settings.rvi.serverDialect, 'auto');
});

test.run();
