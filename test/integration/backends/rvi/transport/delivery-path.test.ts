// Tests the delivery path on the real disk, with a folder for each test, a disk that fails, and a
// fake clock.
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDisk } from '../../../../../src/host/disk.ts';
import { oldPathMs, oldPathsMax } from '../../../../../src/limits.ts';
import { createDeliveryGate } from '../../../../../src/backends/rvi/transport/delivery-gate.ts';
import {
  fixedPath,
  isSamePath,
  keptPath,
} from '../../../../../src/backends/rvi/transport/delivery-path.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { createFakeClock } from '../../../../support/control.ts';
import { createLogLines } from '../../../../support/transport.ts';
import type { Disk, DiskFailure } from '../../../../../src/host/ports.ts';

const test = suite('delivery path');
let directory = '';
const file = () => join(directory, 'delivery-path');
test.beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'sota-path-'))));
test.afterEach(() => rmSync(directory, { recursive: true }));

function kept(disk: Disk = createDisk()) {
  const { log, lines } = createLogLines();
  return { ...keptPath({ disk, log }, directory), lines };
}

const shape = /^\/[0-9a-f]{64}$/;

test('is made once, for its owner alone, and read again', async () => {
  const first = kept();
  const path = await first.open();
  assert.match(path, shape);
  assert.equal(first.lines, []);
  assert.is(statSync(file()).mode & 0o777, 0o600);
  assert.is(readFileSync(file(), 'utf8'), `${path.slice(1)}\n`);
  assert.equal(readdirSync(directory), ['delivery-path']);
  const again = kept();
  assert.is(await again.open(), path);
  assert.equal(again.lines, []);
});

test('is another one in each folder', async () => {
  const path = await kept().open();
  rmSync(file());
  assert.is.not(await kept().open(), path);
});

const damages: readonly (readonly [what: string, damage: () => void])[] = [
  ['empty', () => writeFileSync(file(), '')],
  ['cut short', () => writeFileSync(file(), 'a'.repeat(63))],
  ['without its end', () => writeFileSync(file(), 'a'.repeat(64))],
  ['zeroed', () => writeFileSync(file(), Buffer.alloc(65))],
  ['longer', () => writeFileSync(file(), `${'a'.repeat(64)}\n\n`)],
  ['of other letters', () => writeFileSync(file(), `${'g'.repeat(64)}\n`)],
  ['of a climbing path', () => writeFileSync(file(), '../../x\n')],
  ['readable by others', () => chmodSync(file(), 0o644)],
  ['writable by the group', () => chmodSync(file(), 0o620)],
];
for (const [what, damage] of damages) {
  test(`is made again when the file is ${what}, with a warning`, async () => {
    const path = await kept().open();
    damage();
    const next = kept();
    const other = await next.open();
    assert.match(other, shape);
    assert.is.not(other, path);
    assert.is(next.lines.length, 1);
    assert.match(next.lines[0] ?? '', /^warn path-lost .*delivery-path/);
    // No line contains the secret.
    assert.not.match(next.lines.join(), other.slice(1));
    assert.is(await kept().open(), other);
    assert.is(statSync(file()).mode & 0o777, 0o600);
  });
}

test('takes no notice of what an interruption left', async () => {
  writeFileSync(`${file()}.new`, 'half', { mode: 0o666 });
  const path = await kept().open();
  assert.is(await kept().open(), path);
  const target = join(directory, 'target');
  writeFileSync(target, 'kept');
  symlinkSync(target, `${file()}.new`);
  assert.ok((await kept().renew()).ok);
  assert.is(readFileSync(target, 'utf8'), 'kept');
  assert.is(statSync(file()).mode & 0o777, 0o600);
});

const refusing: DiskFailure = { ok: false, code: 'ENOSPC', reason: 'no space left on device' };

test('of a disk that is full lasts for one life, with a warning', async () => {
  const full: Disk = {
    ...createDisk(),
    open: async (path, mode) => (mode === 'read' ? createDisk().open(path, mode) : refusing),
  };
  const one = kept(full);
  assert.match(await one.open(), shape);
  assert.match(one.lines[0] ?? '', /^warn path-not-stored .*no space left/);
  assert.equal(await one.renew(), refusing);
  assert.equal(readdirSync(directory), []);
});

test('stays as it was when a new one cannot be made durable', async () => {
  const path = await kept().open();
  const broken: Disk = { ...createDisk(), syncDirectory: async () => refusing };
  const unrenamed: Disk = { ...createDisk(), rename: async () => refusing };
  assert.not((await kept(unrenamed).renew()).ok);
  assert.is(await kept().open(), path);
  assert.not((await kept(broken).renew()).ok);
});

test('is compared as a whole', () => {
  assert.ok(isSamePath('/a', '/a'));
  for (const other of ['/b', '/a/', '', '/aa']) assert.not(isSamePath('/a', other));
});

// --- Which paths the listener accepts

const rawHeaders = ['Host', '127.0.0.1', 'Content-Length', '2', 'Content-Type', 'application/json'];
const post = (target: string, host = '127.0.0.1') => ({
  method: 'POST',
  target,
  rawHeaders: ['Host', host, ...rawHeaders.slice(2)],
});

type Place = { readonly host?: string; readonly networkAddress?: string; readonly path?: string };

async function gateOf({ host = '127.0.0.1', networkAddress, path }: Place = {}) {
  const clock = createFakeClock();
  const paths = path === undefined ? kept() : fixedPath(path);
  const gate = createDeliveryGate(clock, { listen: { host, port: 9_080 }, networkAddress, paths });
  await gate.open();
  return { clock, gate, path: () => new URL(gate.address()).pathname };
}

test('nothing is taken before a registration has left, or when it got nowhere', async () => {
  const { gate, path } = await gateOf();
  const isTaken = () => gate.refusal(post(path())) === undefined;
  assert.is(gate.refusal(post(path())), 'no service is registered yet');
  gate.sent();
  assert.ok(isTaken());
  gate.failed();
  assert.not(isTaken());
  gate.sent();
  gate.registration('refused', gate.address());
  assert.not(isTaken());
  gate.sent();
  gate.registration('begun', gate.address());
  // After the first registration the path is accepted, also if the node answers no call.
  gate.failed();
  gate.registration('refused', gate.address());
  assert.ok(isTaken());
  gate.close();
});

test('the path goes into every address, behind a path that is there', async () => {
  for (const [networkAddress, base, prefix] of [
    [undefined, 'http://127.0.0.1:9080', ''],
    ['10.0.0.5:90', 'http://10.0.0.5:90', ''],
    ['http://10.0.0.5', 'http://10.0.0.5', ''],
    ['http://ecu:80/', 'http://ecu:80', ''],
    ['https://ecu/sota/agent/', 'https://ecu/sota/agent', '/sota/agent'],
  ] as const) {
    const { gate, path } = await gateOf(networkAddress === undefined ? {} : { networkAddress });
    gate.registration('complete', gate.address());
    const secret = path().slice(prefix.length);
    assert.match(secret, shape);
    assert.is(gate.address(), base + secret);
    const host = networkAddress === undefined ? '127.0.0.1' : new URL(base).hostname;
    assert.is(gate.refusal(post(secret, host)), undefined);
    assert.is(gate.refusal(post(prefix + secret, host)), undefined);
    for (const other of ['/', prefix, `${prefix}/`, `${secret}/`, secret.slice(0, -1)]) {
      assert.match(gate.refusal(post(other, host)) ?? 'taken', 'path');
    }
    gate.close();
  }
});

test('a fixed path stands where it is configured, and / changes no address', async () => {
  const sota = await gateOf({ path: '/sota' });
  assert.is(sota.gate.address(), 'http://127.0.0.1:9080/sota');
  const root = await gateOf({ path: '/', networkAddress: 'ecu:9080' });
  assert.is(root.gate.address(), 'ecu:9080');
  root.gate.registration('begun', 'ecu:9080');
  assert.is(root.gate.refusal(post('/', 'ecu')), undefined);
  assert.ok(root.gate.refusal(post('/sota', 'ecu')));
  const renewed = await root.gate.renew();
  assert.is(!renewed.ok && renewed.code, 'fixed-path');
});

test('hosts are those of the configuration, and no others of the same device', async () => {
  const isTaken = async (place: Place, host: string) => {
    const { gate } = await gateOf({ path: '/', ...place });
    gate.registration('begun', gate.address());
    return gate.refusal(post('/', host)) === undefined;
  };
  assert.ok(await isTaken({}, '127.0.0.1'));
  assert.ok(await isTaken({}, '127.0.0.1:9080'));
  assert.ok(await isTaken({ host: 'localhost' }, 'LOCALHOST:9080'));
  assert.ok(await isTaken({ networkAddress: 'localhost:9080' }, 'localhost'));
  assert.ok(await isTaken({ host: '::1' }, '[::1]'));
  assert.not(await isTaken({}, 'localhost'));
  assert.not(await isTaken({}, '[::1]'));
  assert.not(await isTaken({ host: '::1' }, '127.0.0.1'));
  for (const host of ['127.0.0.1', 'localhost', '[::1]', 'LOCALHOST:9080']) {
    assert.not(await isTaken({ host: '10.0.0.5' }, host), host);
    assert.not(await isTaken({ host: '0.0.0.0', networkAddress: 'ecu:9080' }, host), host);
  }
  assert.ok(await isTaken({ host: '10.0.0.5' }, '10.0.0.5:9080'));
  assert.ok(await isTaken({ host: '0:0::1' }, '[0:0::1]'));
  assert.ok(await isTaken({ host: '0.0.0.0', networkAddress: 'http://Ecu/x' }, 'ecu'));
  assert.not(await isTaken({ host: '0.0.0.0', networkAddress: 'ecu' }, '0.0.0.0'));
  assert.not(await isTaken({ host: '::', networkAddress: 'ecu' }, '[::]'));
});

test('an old path is taken until 5 s after the node has the new one', async () => {
  const { clock, gate, path } = await gateOf();
  gate.registration('complete', gate.address());
  const isTaken = (target: string) => gate.refusal(post(target)) === undefined;
  const [first, firstAddress] = [path(), gate.address()];
  assert.ok((await gate.renew()).ok);
  const second = path();
  assert.is.not(second, first);
  assert.ok(isTaken(first) && isTaken(second));
  // An earlier registration, and a failed one, do not end the old path.
  gate.registration('complete', firstAddress);
  gate.registration('begun', gate.address());
  gate.registration('refused', gate.address());
  await clock.advance(10 * oldPathMs);
  assert.ok(isTaken(first) && isTaken(second));
  gate.registration('complete', gate.address());
  await clock.advance(oldPathMs - 1);
  assert.ok(isTaken(first));
  await clock.advance(1);
  assert.not(isTaken(first));
  assert.ok(isTaken(second));
});

test('of two renewals at a time one is refused', async () => {
  const { gate, path } = await gateOf();
  const both = await Promise.all([gate.renew(), gate.renew()]);
  assert.equal(
    both.map(({ ok }) => ok),
    [true, false],
  );
  assert.is(await kept().open(), path());
});

test('old paths are bounded', async () => {
  const { clock, gate } = await gateOf();
  for (let count = 0; count < oldPathsMax; count += 1) assert.ok((await gate.renew()).ok);
  const refused = await gate.renew();
  assert.is(!refused.ok && refused.code, 'busy');
  gate.registration('complete', gate.address());
  await clock.advance(oldPathMs);
  assert.ok((await gate.renew()).ok);
});

test.run();
