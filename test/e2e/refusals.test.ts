// Tests that invalid requests are rejected during a transfer of a good package. Each rejection must
// name its cause, no request may write to the disk, and the transfer must finish.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageOf } from '../backend/package.ts';
import { deliver, deliveryPathOf } from '../support/delivery.ts';
import { assert, suite } from '../support/suite.ts';
import { freePort, withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { Vehicle } from '../support/vehicle.ts';

const test = suite('refusals');

const id = { name: 'good', version: '1.0.0' };
const chunk = Buffer.alloc(65_536, 1).toString('base64');
const checksum = createHash('sha1').update('other').digest('hex');
const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;

const message = (service: string, ...parameters: readonly unknown[]) =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'message',
    params: { service_name: `/sota/${service}`, parameters },
  });
const chunkOf = (change: object) =>
  message('chunk', { package: id, index: 3, bytes: chunk, ...change });
const other = { name: 'other', version: '1.0.0' };
const startOf = (change: object) =>
  message('start', { package: other, checksum, chunkscount: 2, ...change });
const offerOf = (name: unknown, version: unknown = '1.0.0') =>
  message('notify', { packages: [{ package: { name, version }, size: 1 }], services: {} });

/** Rejected in the answer, which names the error. */
const malformed: readonly (readonly [what: string, text: string, says: RegExp])[] = [
  ['no JSON', '{"jsonrpc":', /-32700/],
  ['no text', Buffer.from([0xff, 0xfe, 0x00]).toString('latin1'), /-32700/],
  ['no object', '[1,2,3]', /-32600/],
  ['JSON of great depth', deep, /-32600/],
  ['no method', '{"jsonrpc":"2.0","id":1}', /-32600.*method/],
  ['another method', '{"jsonrpc":"2.0","id":1,"method":"reboot","params":{}}', /-32601/],
  ['params of another type', '{"jsonrpc":"2.0","id":1,"method":"message","params":7}', /-32602/],
  ['a service of others', message('report', {}), /-32601/],
  ['a path for a service', message('../../etc/passwd', {}), /-32601/],
  ['nothing in parameters', message('chunk'), /-32602.*parameters/],
  ['text in parameters', message('chunk', 'x'), /-32602.*parameters/],
  ['bytes that are no base64', chunkOf({ bytes: '!!!!' }), /-32602.*bytes.*base64/],
  ['base64 with junk behind it', chunkOf({ bytes: 'AA==junk' }), /-32602.*bytes.*base64/],
  ['base64 with a line break', chunkOf({ bytes: 'AAAA\nAAAA' }), /-32602.*bytes.*base64/],
  ['base64 of the URL alphabet', chunkOf({ bytes: 'AA-_' }), /-32602.*bytes.*base64/],
  ['bytes of another type', chunkOf({ bytes: [1, 2] }), /-32602.*bytes/],
  ['a chunk of 64 KiB and one byte', chunkOf({ bytes: `${chunk.slice(0, -2)}AA==` }), /-32602/],
  ['index 0', chunkOf({ index: 0 }), /-32602.*index/],
  ['an index below 0', chunkOf({ index: -1 }), /-32602.*index/],
  ['half an index', chunkOf({ index: 1.5 }), /-32602.*index/],
  ['an index as text', chunkOf({ index: '1' }), /-32602.*index/],
  ['an index beyond every file', chunkOf({ index: 2 ** 40 }), /-32602.*index/],
  ['a package without a version', chunkOf({ package: { name: 'good' } }), /-32602.*version/],
  ['a package that is a name', chunkOf({ package: 'good' }), /-32602.*package/],
  ['a checksum of 39 digits', startOf({ checksum: checksum.slice(1) }), /-32602.*checksum/],
  ['a count below 0', startOf({ chunkscount: -1 }), /-32602.*chunkscount/],
  ['a count beyond 2 GiB', startOf({ chunkscount: 32_769 }), /-32602.*chunkscount/],
  ['a name that climbs', offerOf('../../../escaped'), /-32602.*name/],
  ['two dots for a name', offerOf('..'), /-32602.*name/],
  ['a name with a NUL', offerOf('a\u0000b'), /-32602.*name/],
  ['a name of 64 KB', offerOf('n'.repeat(65_536)), /-32602.*name/],
  ['no name', offerOf(''), /-32602.*name/],
  ['a name of another type', offerOf({}), /-32602.*name/],
  ['a version that climbs', offerOf('climber', '../1'), /-32602.*version/],
  ['half a surrogate pair', offerOf('\ud800'), /-32602.*name/],
  ['a chunk of a name that climbs', chunkOf({ package: { name: '../x', version: '1' } }), /-32602/],
  ['more than fits in a message', message('chunk', { bytes: 'A'.repeat(300_000) }), /-32001/],
];

/** Well-formed: answered with status 0, but rejected because of the agent's state. */
const misplaced: readonly (readonly [what: string, text: string, code: string])[] = [
  [
    'a chunk of a package that nobody offered',
    chunkOf({ package: { name: 'unknown', version: '1.0.0' } }),
    'chunk-unexpected',
  ],
  ['an index beyond the count', chunkOf({ index: 5 }), 'chunk-index-invalid'],
  ['a short chunk in the middle', chunkOf({ bytes: 'AAAA' }), 'chunk-size-invalid'],
  ['an empty chunk', chunkOf({ bytes: '' }), 'chunk-size-invalid'],
];

const post = async (address: string, text: string) => (await deliver(address, text)).text;

/** The names of all files in the directory. */
function namesIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true }).map(String).sort();
}

async function attack({ backend, agent, status }: Vehicle, address: string): Promise<void> {
  for (const [what, text, says] of malformed) {
    const answer = await post(address, text);
    assert.match(answer, says, what);
    assert.ok(answer.length < 1_000, what);
  }
  await until('all counted', async () => {
    return (await status()).counters.refused === malformed.length;
  });
  const { refused } = (await status()).counters;
  for (const [what, text, code] of misplaced) {
    assert.match(await post(address, text), '"result":{"status":0}', what);
    await agent().logged(new RegExp(code));
  }
  await until('all counted', async () => {
    return (await status()).counters.refused === refused + misplaced.length;
  });
  assert.is(backend.server.aborts(), 0);
}

test('what no server should send is refused, and disturbs nothing', async () => {
  const one = packageOf(id, randomBytes(3 * 65_536 + 9));
  let isHeld = true;
  const port = await freePort();
  // Holds the second chunk until the end of the attack.
  const fault = ({ direction, service }: { direction: string; service: string }) =>
    direction === 'out' && service === '/sota/chunk' && isHeld && backendSent() === 2
      ? ({ kind: 'drop' } as const)
      : ({ kind: 'pass' } as const);
  let backendSent = () => 0;
  const rvi = { stall_timeout: 600, listen: `127.0.0.1:${port}` };
  const options = { fault, server: 'S-A', rvi } as const;
  await withVehicle(options, async (vehicle) => {
    const { backend, directory } = vehicle;
    backendSent = () => backend.server.sent.size;
    vehicle.boot();
    await backend.registered();
    const address = `http://127.0.0.1:${port}${deliveryPathOf(directory)}`;
    backend.server.notify([one]);
    await backend.until('two chunks', ({ sent }) => sent.size === 2);
    await until('one is held', async () => (await vehicle.status()).packages[0]?.chunksHeld === 1);
    const before = namesIn(directory);
    const { size } = statSync(join(directory, 'state/packages/1/data'));
    await attack(vehicle, address);
    assert.equal(namesIn(directory), before);
    assert.is(statSync(join(directory, 'state/packages/1/data')).size, size);
    for (let above = directory; above !== '/'; above = dirname(above)) {
      assert.is(existsSync(join(above, 'escaped')), false, above);
    }
    isHeld = false;
    const { packages } = await vehicle.status();
    assert.equal(
      packages.map(({ id: { name }, phase, chunksHeld }) => [name, phase, chunksHeld]),
      [['good', 'receiving', 1]],
    );
    await post(address, message('chunk', { package: id, index: 2, bytes: one.chunk(2) }));
    await vehicle.reported(one);
    assert.is(backend.server.outcomes[0]?.status, true);
    assert.is(packageOf(id, vehicle.installed(id)).checksum, one.checksum);
  });
});

test('a wrong checksum is a failed update, with both sums in the reason', async () => {
  await withVehicle({}, async (vehicle) => {
    const { backend } = vehicle;
    const one = { ...packageOf(id, randomBytes(70_000)), checksum };
    const next = packageOf({ name: 'next', version: '1.0.0' }, randomBytes(9));
    vehicle.boot();
    await backend.registered();
    backend.server.notify([one]);
    await vehicle.reported(one);
    const [outcome] = backend.server.outcomes;
    assert.is(outcome?.status, false);
    assert.match(outcome?.text ?? '', `checksum mismatch: announced ${checksum}, received `);
    backend.server.notify([next]);
    await vehicle.reported(next);
    assert.equal(vehicle.installs(), ['next']);
  });
});

test('a good offer beside bad ones is taken', async () => {
  await withVehicle({}, async (vehicle) => {
    const { backend } = vehicle;
    const good = packageOf(id, randomBytes(9));
    const bad = packageOf({ name: '../bad', version: '1.0.0' }, randomBytes(9));
    vehicle.boot();
    await backend.registered();
    backend.server.notify([bad, good]);
    await vehicle.reported(good);
    await vehicle.agent().logged(/offer-invalid.*packages\[0\].*name/);
    assert.equal(vehicle.installs(), ['good']);
  });
});

test.run();
