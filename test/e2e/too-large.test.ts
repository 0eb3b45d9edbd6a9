// Tests packages that are too large, with the built executable: more chunks than the protocol can
// count, and more bytes than the kernel lets the process write (RLIMIT_FSIZE).
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { packageOf } from '../backend/package.ts';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { Passing } from '../backend/node.ts';
import type { Vehicle } from '../support/vehicle.ts';

const test = suite('too large');
const ttlMs = 300_000;
const one = packageOf({ name: 'maps', version: '1.0.0' }, randomBytes(40 * 65_536 + 1));

const reportsIn = ({ backend }: Vehicle) =>
  backend.server.log.filter(
    ({ direction, service }) => direction === 'in' && service === '/sota/report',
  );

test.needs('prlimit', hasProgram('prlimit'))(
  'what the kernel does not let it write is reported as failed, once',
  async () => {
    await withVehicle({}, async (vehicle) => {
      const { backend } = vehicle;
      const agent = vehicle.boot();
      await backend.registered();
      const args = ['--pid', String(agent.pid), '--fsize=1000000'];
      assert.is(spawnSync('prlimit', args).status, 0);
      backend.server.notify([one]);
      await vehicle.reported(one);
      const [outcome] = backend.server.outcomes;
      assert.is(outcome?.status, false);
      assert.match(outcome?.text ?? '', /too large: a file of 2686976 bytes/);
      await until('over', async () => (await vehicle.status()).packages.length === 0);
    });
  },
);

test('a start of more chunks than can be counted is reported as failed', async () => {
  // Drops the server's own start.
  const fault = ({ service, parameters }: Passing) => {
    const isOwn = JSON.stringify(parameters).includes('32769');
    return { kind: service === '/sota/start' && !isOwn ? 'drop' : 'pass' } as const;
  };
  await withVehicle({ fault }, async (vehicle) => {
    const { backend } = vehicle;
    vehicle.boot();
    await backend.registered();
    backend.server.notify([one]);
    await vehicle.agent().logged(/package-offered/);
    const start = { package: one.id, checksum: one.checksum, chunkscount: 32_769 };
    backend.node.deliver('/sota/start', [start], ttlMs);
    await until('reported', () => reportsIn(vehicle).length > 0);
    const said = JSON.stringify(reportsIn(vehicle)[0]?.parameters);
    assert.match(said, /chunkscount: 32769 is not within/);
    const { out } = await vehicle.command('why', 'maps');
    assert.match(out, /report not confirmed \(failed: .*chunkscount: 32769 is not within/);
    assert.equal(vehicle.installs(), []);
  });
});

test('an update of more than 2 GiB is reported at its offer, and why tells it', async () => {
  await withVehicle({ dialect: 'P3', server: 'S-M' }, async (vehicle) => {
    const { backend } = vehicle;
    vehicle.boot();
    await backend.registered();
    const id = '0fa1b2c3-0000-4000-8000-00000000beef';
    const about = { signature: '', description: '', request_confirmation: false };
    const offer = { update_id: id, size: 2_147_500_000, ...about };
    backend.node.deliver('/sota/notify', [{ update_available: offer }], ttlMs);
    await until('reported', () => reportsIn(vehicle).length > 0);
    const { out } = await vehicle.command('why', id);
    assert.match(out, /report not confirmed \(failed: too large: 2147500000 bytes/);
    const starts = backend.server.log.filter(
      ({ direction, service }) => direction === 'in' && service === '/sota/start',
    );
    assert.equal(starts, []);
  });
});

test.run();
