// Tests the calls of the server in the seed dialect, complete and with each field missing or of
// another type, and each message of the agent, character by character.
import {
  decodeRequest,
  defaultServices,
  encodeMessage,
  serviceOf,
  services,
  vinOf,
} from '../../../../../src/backends/rvi/codec/sota.ts';
import { encodeCall } from '../../../../../src/backends/rvi/codec/jsonrpc.ts';
import { chunksCountMax } from '../../../../../src/limits.ts';
import { backend, hints, names } from '../../../../support/core.ts';
import { assert, suite } from '../../../../support/suite.ts';
import type { Message } from '../../../../../src/backends/rvi/messages.ts';

const test = suite('sota');
const ghc = { name: 'ghc', version: '7.6.2' };
const sum = 'e6db09bd2c84db66534107da4ef00e6addccba8e';
const vin = 'VIN45678901234567';

type Tree = { readonly [name: string]: unknown };

const good: { readonly [service in 'notify' | 'start' | 'chunk' | 'finish']: Tree } = {
  notify: { packages: [{ package: ghc, size: 35_768 }], services: backend },
  start: { package: ghc, checksum: sum, chunkscount: 1 },
  chunk: { package: ghc, index: 1, bytes: 'QUJD' },
  finish: { package: ghc },
};
const bodies = ['notify', 'start', 'chunk', 'finish'] as const;

function decoded(service: (typeof services)[number], parameters: unknown) {
  const read = decodeRequest(service, parameters, hints);
  if (!read.ok) throw new Error(read.reason);
  return read.value;
}

function reasonOf(service: (typeof services)[number], parameters: unknown): string {
  const read = decodeRequest(service, parameters, hints);
  return read.ok ? '' : read.reason;
}

// ---------------------------------------------------------------- requests of the server

test('reads each call of the seed', () => {
  assert.equal(decoded('notify', good.notify), {
    kind: 'notify',
    offers: [{ id: ghc, sizeBytes: 35_768 }],
    refused: [],
    services: backend,
    dialect: 'P1',
  });
  const start = { kind: 'start', id: ghc, checksum: sum, chunksCount: 1 };
  assert.equal(decoded('start', good.start), start);
  const chunk = { kind: 'chunk', id: ghc, chunkIndex: 1, data: Buffer.from('ABC') };
  assert.equal(decoded('chunk', good.chunk), chunk);
  assert.equal(decoded('finish', good.finish), { kind: 'finish', id: ghc });
});

test('ignores what it does not know, wherever it stands', () => {
  const packages = [{ package: { ...ghc, x: 1 }, size: 1, x: [] }];
  const more = { packages, services: { ...backend, cancel: 'c' }, x: {} };
  const notify = decoded('notify', more);
  assert.equal(notify.kind === 'notify' && notify.services, backend);
  for (const service of bodies) decoded(service, { ...good[service], x: { y: [1] } });
});

test('needs an object where there is something to say', () => {
  for (const service of bodies) {
    for (const parameters of [undefined, null, '', 'x', 1, true, [], [good[service]]]) {
      assert.is(reasonOf(service, parameters), 'parameters: an object is needed');
    }
  }
});

test('names the field that is missing or of another type', () => {
  const needed = {
    notify: ['packages'],
    start: ['package', 'checksum', 'chunkscount'],
    chunk: ['package', 'index', 'bytes'],
    finish: ['package'],
  } as const;
  for (const service of bodies) {
    for (const field of needed[service]) {
      for (const value of [undefined, null, true, {}, [[]], 1.5, '\u0000']) {
        const reason = reasonOf(service, { ...good[service], [field]: value });
        assert.ok(reason.startsWith(field), `${service} ${field} ${String(value)}: ${reason}`);
      }
    }
    const lent: unknown = JSON.parse(`{"__proto__":${JSON.stringify(good[service])}}`);
    assert.not.ok(decodeRequest(service, lent, hints).ok);
  }
});

test('a package has a name and a version, both fit for a name', () => {
  for (const field of ['name', 'version']) {
    const long = 'x'.repeat(65_536);
    for (const value of [undefined, null, 1, '', '../', '..', 'a\0', long, '\ud83d']) {
      const id = { ...ghc, [field]: value };
      for (const service of ['start', 'chunk', 'finish'] as const) {
        const reason = reasonOf(service, { ...good[service], package: id });
        assert.ok(reason.startsWith(`package.${field}: `), `${String(value)}: ${reason}`);
      }
    }
  }
  const emoji = { name: '😀', version: '1.0.0' };
  assert.equal(decoded('finish', { package: emoji }), { kind: 'finish', id: emoji });
});

test('refuses counts and indices out of their bounds', () => {
  const refused = (service: 'start' | 'chunk', field: string, text: string) =>
    assert.match(reasonOf(service, { ...good[service], [field]: JSON.parse(text) }), field, text);
  const beyond = ['2147483648', '9007199254740992', '1e400', String(chunksCountMax + 1)];
  for (const text of ['-1', '1.5', ...beyond]) {
    refused('start', 'chunkscount', text);
    refused('chunk', 'index', text);
  }
  refused('chunk', 'index', '0');
  const empty = decoded('start', { ...good.start, chunkscount: 0 });
  assert.is(empty.kind === 'start' && empty.chunksCount, 0);
  assert.ok(decodeRequest('start', { ...good.start, chunkscount: chunksCountMax }, hints).ok);
});

test('a checksum in capitals is the same checksum', () => {
  const start = decoded('start', { ...good.start, checksum: sum.toUpperCase() });
  assert.is(start.kind === 'start' && start.checksum, sum);
});

test('one bad offer among good ones takes none along, and says why', () => {
  const packages = [{ package: ghc, size: 1 }, { package: { name: '../', version: '1' } }, 7];
  const notify = decoded('notify', { packages, services: backend });
  assert.ok(notify.kind === 'notify');
  if (notify.kind !== 'notify') return;
  assert.equal(notify.offers, [{ id: ghc, sizeBytes: 1 }]);
  assert.equal(notify.refused.length, 2);
  assert.ok(notify.refused[0]?.startsWith('packages[1].package.name: '));
  assert.ok(notify.refused[1]?.startsWith('packages[2]: '));
  assert.match(reasonOf('notify', { packages: packages.slice(1) }), 'packages[0].package.name: ');
});

test('a strange size is for people only, and loses no offer', () => {
  for (const size of [undefined, null, -1, 1.5, '7', 1e300]) {
    const notify = decoded('notify', { packages: [{ package: ghc, size }] });
    assert.equal(notify.kind === 'notify' && notify.offers, [{ id: ghc, sizeBytes: 0 }]);
  }
});

test('takes the names of the services as they are, all four or none', () => {
  const odd = { start: 'x/y', ack: '/z', report: 'a b', packages: 'ü' };
  const notify = decoded('notify', { ...good.notify, services: odd });
  assert.equal(notify.kind === 'notify' && notify.services, odd);
  for (const field of ['start', 'ack', 'report', 'packages']) {
    for (const value of [undefined, null, 1, '', '\ud83d', 'x'.repeat(256)]) {
      const lacking = decoded('notify', { ...good.notify, services: { ...odd, [field]: value } });
      assert.is(lacking.kind === 'notify' && lacking.services, undefined);
    }
  }
  for (const value of [undefined, null, [], 'x']) {
    const none = decoded('notify', { ...good.notify, services: value });
    assert.is(none.kind === 'notify' && none.services, undefined);
  }
});

test('takes getpackages and abort with whatever a node makes of nothing', () => {
  for (const parameters of [undefined, null, '', [], {}, [null], [{}], 0, 'x', { x: 1 }]) {
    assert.equal(decoded('getpackages', parameters), { kind: 'getpackages' });
    assert.equal(decoded('abort', parameters), { kind: 'abort', id: undefined });
  }
});

test('an abort of one package is of that one, and never becomes one of all', () => {
  assert.equal(decoded('abort', { package: ghc }), { kind: 'abort', id: ghc });
  for (const bad of [{ name: '../', version: '1' }, { name: 'ghc' }, 'ghc', 7]) {
    assert.match(reasonOf('abort', { package: bad }), /^package/);
  }
  assert.equal(decoded('abort', { package: null }), { kind: 'abort', id: undefined });
});

test('knows its services by their last two names', () => {
  for (const service of services) {
    assert.is(serviceOf(`/sota/${service}`, undefined), service);
    assert.is(serviceOf(`sota/${service}`, undefined), service);
    assert.is(serviceOf(names[service], names), service);
    assert.is(serviceOf(names[service], undefined), undefined);
    // A service name must end with /sota/SERVICE, whatever name the node returned.
    const odd = { ...names, [service]: 'AAAA\n' };
    assert.is(serviceOf('AAAA\n', odd), undefined);
  }
  const foreign = ['', '/', '/sota', 'notify', '/sota/', '/sota/ack', '/x/notify'];
  const odd = ['/sota/notify/x', '/sota/Notify', '/sota/__proto__', '/sota/toString'];
  const others = [
    'genivi.org/backend/sota/start',
    'genivi.org/vin/OTHER/sota/notify',
    `/${names.notify}`,
    '/sota/../sota/notify',
    '//sota/notify',
    '/sota//notify',
    '/sota/notify/',
    '',
  ];
  for (const name of [...foreign, ...odd, ...others]) {
    assert.is(serviceOf(name, names), undefined, name);
  }
});

// ---------------------------------------------------------------- messages of the agent

const spelled = (message: Message) => {
  const outgoing = encodeMessage(message, backend, { ...hints, names }, vin);
  if (!outgoing.ok) throw new Error(outgoing.reason);
  const { service, parameters } = outgoing;
  return encodeCall(1, 'message', { service_name: service, timeout: 1445520390, parameters });
};
const frame = (service: string, body: string) =>
  `{"jsonrpc":"2.0","id":1,"method":"message","params":{"service_name":"genivi.org/backend/sota/` +
  `${service}","timeout":1445520390,"parameters":[${body}]}}`;
const one = '{"name":"ghc","version":"7.6.2"}';

test('spells start as the seed does, with the five services that it names', () => {
  const prefix = `genivi.org/vin/${vin}/sota`;
  const ours = ['start', 'chunk', 'finish', 'getpackages', 'abort'];
  const listed = ours.map((name) => `"${name}":"${prefix}/${name}"`).join(',');
  const body = `{"vin":"${vin}","packages":[${one}],"services":{${listed}}}`;
  assert.is(spelled({ kind: 'start', id: ghc }), frame('start', body));
});

test('spells ack as the seed does: a list of integers, also an empty one', () => {
  for (const chunks of [[], [1], [1, 2, 5]]) {
    const body = `{"vin":"${vin}","package":${one},"chunks":[${chunks.join(',')}]}`;
    assert.is(spelled({ kind: 'ack', id: ghc, chunks }), frame('ack', body));
  }
});

test('spells report as the seed does, its code left at home', () => {
  for (const status of [true, false]) {
    const report = { id: ghc, status, code: 'ok', description: 'fine' } as const;
    const body = `{"vin":"${vin}","package":${one},"status":${status},"description":"fine"}`;
    assert.is(spelled({ kind: 'report', report }), frame('report', body));
  }
});

test('spells packages as the seed does', () => {
  const body = `{"vin":"${vin}","packages":[${one}]}`;
  assert.is(spelled({ kind: 'packages', packages: [ghc] }), frame('packages', body));
  const none = `{"vin":"${vin}","packages":[]}`;
  assert.is(spelled({ kind: 'packages', packages: [] }), frame('packages', none));
});

test('never sends an escape of half a pair, whatever an installer says', () => {
  const description = 'broken \ud83d output, whole 😀';
  const report = { id: ghc, status: false, code: 'install-failed', description } as const;
  const packages = [{ name: 'a\udc00', version: '\ud800' }];
  const messages: readonly Message[] = [
    { kind: 'report', report },
    { kind: 'packages', packages },
  ];
  for (const text of messages.map(spelled)) {
    assert.not.match(text, /\\u[dD]/);
    assert.not.match(text, /[\ud800-\udbff](?![\udc00-\udfff])/);
  }
  assert.match(spelled({ kind: 'report', report }), 'whole 😀');
});

test('finds the VIN in the name of a service', () => {
  assert.is(vinOf(`genivi.org/vin/${vin}/sota/start`), vin);
  assert.is(vinOf(`/genivi.org//vin/${vin}/sota/start`), vin);
  assert.is(vinOf(`a/b/c/vin/${vin}/sota/start`), vin);
  assert.is(vinOf(`genivi.org/node/${vin}/sota/start`), vin);
  for (const name of ['', '/sota/start', 'genivi.org/backend/sota/start', 'genivi.org/vin/sota']) {
    assert.is(vinOf(name), undefined, name);
  }
});

test('names the services of a backend by its prefix', () => {
  assert.equal(defaultServices('genivi.org/backend'), backend);
});

test.run();
