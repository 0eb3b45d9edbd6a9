// Tests the server on a virtual clock: resends, aborts, reports, and how it ignores messages that
// it cannot decode (protocol 2.1, 2.4).
import { assert, suite } from '../support/suite.ts';
import { ackOf, createRig, packageOfChunks, reportOf, startOf, vin } from './fakes.ts';
import type { ServerPackage } from './package.ts';
import type { ServerKind } from './server-rules.ts';
import type { Rig } from './fakes.ts';

const test = suite('the server');
const all: readonly ServerKind[] = ['S-A', 'S-B', 'S-C', 'S-M'];
const two = packageOfChunks('hello', 2);

/** Runs the session up to the finish of each package. */
function upload(rig: Rig, ...packages: readonly ServerPackage[]): void {
  rig.server.notify(packages);
  rig.start(...packages);
  for (const one of packages) {
    rig.ack(one, []);
    rig.ack(one, [1, 2]);
  }
  rig.came();
}

for (const kind of ['S-B', 'S-C', 'S-M'] as const) {
  test(`${kind} sends a chunk five times, 30 s apart, and then aborts`, () => {
    const rig = createRig(kind);
    rig.server.notify([two]);
    rig.start(two);
    rig.ack(two, []);
    rig.came();
    rig.clock.pass(29_999);
    assert.equal(rig.came(), []);
    for (let resend = 1; resend <= 4; resend++) {
      rig.clock.pass(30_000);
      assert.equal(rig.came(), ['chunk 1'], `resend ${resend}`);
    }
    rig.clock.pass(30_000);
    assert.equal(rig.came(), ['abort']);
    assert.is(rig.server.sent.get('hello 1.2.3 1'), 5);
    assert.is(rig.server.aborts(), 1);
    assert.not(rig.server.isBusy());
    rig.start(two);
    assert.equal(rig.came(), ['start'], 'what was aborted is served again');
  });

  test(`${kind} counts the five times again after each ack`, () => {
    const rig = createRig(kind);
    rig.server.notify([two]);
    rig.start(two);
    rig.ack(two, []);
    rig.clock.pass(140_000);
    rig.ack(two, [1]);
    rig.came();
    rig.clock.pass(140_000);
    assert.equal(rig.came(), ['chunk 2', 'chunk 2', 'chunk 2', 'chunk 2']);
    assert.is(rig.server.aborts(), 0);
  });
}

test('S-A waits for an ack for ever', () => {
  const rig = createRig('S-A');
  rig.server.notify([two]);
  rig.start(two);
  rig.ack(two, []);
  rig.came();
  rig.clock.pass(86_400_000);
  assert.equal(rig.came(), []);
});

for (const kind of all) {
  test(`${kind} waits for the first ack for ever`, () => {
    const rig = createRig(kind);
    rig.server.notify([two]);
    rig.start(two);
    rig.clock.pass(86_400_000);
    assert.equal(rig.came(), ['notify', 'start']);
    assert.ok(rig.server.isBusy());
  });

  test(`${kind} stays blocked by a start that names nothing it has`, () => {
    const rig = createRig(kind);
    rig.start(two);
    rig.server.notify([two]);
    rig.start(two);
    rig.ack(two, []);
    rig.clock.pass(86_400_000);
    assert.equal(rig.came(), ['notify']);
    assert.ok(rig.server.isBusy());
    rig.server.restart();
    rig.start(two);
    assert.equal(rig.came(), ['start']);
  });

  test(`${kind} asks for the packages when the report is there`, () => {
    const rig = createRig(kind);
    upload(rig, two);
    rig.report(two, false);
    assert.equal(rig.came(), ['getpackages']);
    assert.equal(rig.server.outcomes, [{ id: two.id, status: false, text: 'done' }]);
    rig.server.receive('/sota/packages', [{ vin, packages: [two.id] }]);
    assert.equal(rig.server.lists, [[two.id]]);
    assert.is(rig.server.isBusy(), kind === 'S-M');
  });

  test(`${kind} drops a report that comes when nothing is active`, () => {
    const rig = createRig(kind);
    rig.server.notify([two]);
    rig.report(two);
    assert.equal(rig.server.outcomes, []);
    assert.equal(rig.came(), ['notify']);
    assert.is(rig.server.log.at(-1)?.ignored, 'nothing is active');
  });
}

for (const kind of ['S-C', 'S-M'] as const) {
  test(`${kind} aborts 60 s after the last message that follows the finish`, () => {
    const rig = createRig(kind);
    upload(rig, two);
    rig.clock.pass(50_000);
    // This ack keeps the server waiting.
    rig.ack(two, [1, 2]);
    rig.clock.pass(59_999);
    assert.equal(rig.came(), []);
    rig.clock.pass(1);
    assert.equal(rig.came(), ['abort']);
    rig.report(two);
    assert.equal(rig.server.outcomes, []);
  });
}

for (const kind of ['S-A', 'S-B'] as const) {
  test(`${kind} waits for the report for ever`, () => {
    const rig = createRig(kind);
    upload(rig, two);
    rig.clock.pass(86_400_000);
    assert.equal(rig.came(), []);
  });
}

test('S-M aborts 60 s after a report, even of success, and takes no start until then', () => {
  const rig = createRig('S-M');
  upload(rig, two);
  rig.report(two);
  rig.report(two);
  assert.is(rig.server.outcomes.length, 2, 'a report said twice is written twice');
  rig.start(two);
  assert.equal(rig.came(), ['getpackages', 'getpackages']);
  rig.clock.pass(60_000);
  rig.start(two);
  assert.equal(rig.came(), ['abort', 'start']);
});

test('three packages go in parallel, in S-M one after the other', () => {
  const packages = ['one', 'two', 'three', 'four'].map((name) => packageOfChunks(name, 1));
  const phasesOf = (kind: ServerKind) => {
    const rig = createRig(kind);
    rig.server.notify(packages);
    rig.start(...packages);
    const phases = () => rig.server.uploads().map(({ phase }) => phase);
    const before = phases();
    for (const one of packages.slice(0, 1)) {
      rig.ack(one, []);
      rig.ack(one, [1]);
    }
    return [before, phases()];
  };
  assert.equal(phasesOf('S-C'), [
    ['waiting', 'waiting', 'waiting', 'queued'],
    ['finished', 'waiting', 'waiting', 'waiting'],
  ]);
  assert.equal(phasesOf('S-M'), [
    ['waiting', 'queued', 'queued', 'queued'],
    ['finished', 'waiting', 'queued', 'queued'],
  ]);
});

test('S-C records no report of a package that finished while another was under way', () => {
  const rig = createRig('S-C');
  const other = packageOfChunks('other', 2);
  upload(rig, two, other);
  rig.report(two);
  assert.equal(rig.came(), []);
  rig.report(other);
  assert.equal(rig.came(), ['getpackages']);
  assert.equal(
    rig.server.outcomes.map(({ id }) => id),
    [other.id],
  );
});

test('a second campaign for a package is never settled', () => {
  const rig = createRig('S-A');
  upload(rig, two);
  rig.report(two);
  rig.came();
  upload(rig, two);
  rig.report(two);
  assert.equal(rig.came(), [], 'no getpackages: the campaign of before is loaded, too');
  assert.ok(rig.server.isBusy());
});

test('a package offered again before its report is no second campaign', () => {
  const rig = createRig('S-A');
  rig.server.notify([packageOfChunks('hello', 5)]);
  upload(rig, two);
  rig.report(two);
  assert.equal(rig.came(), ['getpackages']);
});

test('S-C ignores a report said twice, and waits for the other package', () => {
  const rig = createRig('S-C');
  const other = packageOfChunks('other', 2);
  rig.server.notify([two, other]);
  rig.start(two, other);
  rig.came();
  rig.report(two);
  rig.report(two, false);
  assert.equal(rig.came(), []);
  assert.equal(
    rig.server.outcomes.map(({ status }) => status),
    [true],
  );
  rig.report(other);
  assert.equal(rig.came(), ['getpackages']);
});

test('S-C repeats no chunk once a later [] has started it again', () => {
  const rig = createRig('S-C');
  rig.server.notify([two]);
  rig.start(two);
  rig.ack(two, []);
  rig.ack(two, []);
  rig.came();
  rig.clock.pass(86_400_000);
  assert.equal(rig.came(), []);
});

test('a second start while one is active is ignored', () => {
  const rig = createRig('S-C');
  rig.server.notify([two]);
  rig.start(two);
  rig.start(two);
  assert.equal(rig.came(), ['notify', 'start']);
});

test('a restart forgets the transfer and its timers, not the campaign', () => {
  const rig = createRig('S-C');
  rig.server.notify([two]);
  rig.start(two);
  rig.ack(two, []);
  rig.came();
  rig.server.restart();
  rig.clock.pass(86_400_000);
  rig.ack(two, [1]);
  assert.equal(rig.came(), []);
  rig.start(two);
  assert.equal(rig.came(), ['start']);
});

const start = startOf(two.id)[0];
const ack = ackOf(two.id, [])[0];
const report = reportOf(two.id)[0];
const without = (body: object | undefined, name: string) => {
  const entries = Object.entries(body ?? {}).filter(([key]) => key !== name);
  return Object.fromEntries(entries);
};
const bad: readonly (readonly [service: string, says: string, parameters: unknown])[] = [
  ['start', 'a bare object', start],
  ['start', 'an empty list', []],
  ['start', 'what 0.4 makes of an empty list', ''],
  ['start', 'null', [null]],
  ...['vin', 'packages', 'services'].map(
    (name) => ['start', `no ${name}`, [without(start, name)]] as const,
  ),
  ['start', 'no service for abort', [{ ...start, services: without(start?.services, 'abort') }]],
  ['start', 'a short VIN', [{ ...start, vin: 'V123' }]],
  ['start', 'a version of two numbers', startOf({ name: 'hello', version: '1.2' })],
  ['start', 'one bad name of two', startOf(two.id, { name: 'a/b', version: '1.2.3' })],
  ...['vin', 'package', 'chunks'].map(
    (name) => ['ack', `no ${name}`, [without(ack, name)]] as const,
  ),
  ['ack', 'an index as text', ackOf(two.id, ['1'])],
  ['ack', 'half an index', ackOf(two.id, [1.5])],
  ...['vin', 'package', 'status', 'description'].map(
    (name) => ['report', `no ${name}`, [without(report, name)]] as const,
  ),
  ['report', 'a status as text', [{ ...report, status: 'true' }]],
  ['packages', 'one bad version', [{ vin, packages: [two.id, { name: 'a', version: '1' }] }]],
  ['packages', 'no list', [{ vin, packages: two.id }]],
];

for (const [service, says, parameters] of bad) {
  test(`${service} with ${says} is silence`, () => {
    const rig = createRig('S-C');
    rig.server.notify([two]);
    if (service === 'ack' || service === 'report') rig.start(two);
    rig.came();
    rig.server.receive(`/sota/${service}`, parameters);
    assert.equal(rig.came(), []);
    assert.is(rig.server.log.at(-1)?.ignored, 'not to be decoded');
    assert.equal([rig.server.outcomes, rig.server.lists], [[], []]);
  });
}

test('a second element and unknown fields are ignored', () => {
  const rig = createRig('S-C');
  rig.server.notify([two]);
  rig.server.receive('/sota/start', [{ ...start, more: 1 }, null]);
  assert.equal(rig.came(), ['notify', 'start']);
});

test('S-A asks for no abort service, offers cancel, and takes letters and digits only', () => {
  const rig = createRig('S-A');
  rig.server.notify([two]);
  assert.match(JSON.stringify(rig.server.log[0]?.parameters), 'genivi.org/backend/sota/cancel');
  rig.server.receive('/sota/start', startOf({ name: 'hello-world', version: '1.2.3' }));
  assert.not(rig.server.isBusy());
  rig.server.receive('/sota/start', [{ ...start, services: without(start?.services, 'abort') }]);
  assert.ok(rig.server.isBusy());
});

test('the grammar may be another', () => {
  const rig = createRig('S-C', { grammar: { version: /./ } });
  const odd = packageOfChunks('hello', 1, '1.2-r0');
  rig.server.notify([odd]);
  rig.start(odd);
  assert.equal(rig.came(), ['notify', 'start']);
});

test('the log has no bytes, and acks as ranges', () => {
  const rig = createRig('S-A');
  const many = packageOfChunks('many', 9);
  rig.server.notify([many]);
  rig.start(many);
  rig.ack(many, [1, 2, 3, 5, 7, 8]);
  const [acked, chunk] = rig.server.log.slice(-2);
  assert.equal(acked?.parameters, { vin, package: many.id, chunks: '1-3,5,7-8' });
  assert.equal(chunk?.parameters, { package: many.id, index: 4 });
});

test.run();
