// Tests `policy.consent = "required"` with the built executable: a server starts packages without
// consent, in every dialect and release, before, during and after the transfer of accepted
// packages.
import { randomBytes } from 'node:crypto';
import { isBody } from '../backend/dialect.ts';
import { defaultDevice, defaultVin } from '../backend/backend.ts';
import { packageOf } from '../backend/package.ts';
import { assert, suite } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { ServerPackage } from '../backend/package.ts';
import type { Vehicle } from '../support/vehicle.ts';

const test = suite('consent');
const ttlMs = 300_000;
const ask = { policy: { consent: 'required' } };

const make = (name: string) => packageOf({ name, version: '1.0.0' }, randomBytes(3 * 65_536 + 1));

const releases = [
  ['S-A', 'P1'],
  ['S-B', 'P1'],
  ['S-C', 'P1'],
  ['S-C', 'P2'],
  ['S-M', 'P2'],
  ['S-M', 'P3'],
] as const;

function updateIn({ backend }: Vehicle): string {
  const offer = backend.server.log.find(({ service }) => service === '/sota/notify')?.parameters;
  const update = isBody(offer) ? offer['update_available'] : undefined;
  return isBody(update) ? String(update['update_id']) : '';
}

/** Sends the start of the vehicle, so that the server starts a package without consent. */
function startByItself(vehicle: Vehicle, one: ServerPackage, dialect: string): void {
  const names = ['start', 'chunk', 'finish', 'getpackages', 'abort'];
  const prefix = dialect === 'P3' ? `device/${defaultDevice}` : `vin/${defaultVin}`;
  const services = Object.fromEntries(
    names.map((name) => [name, `genivi.org/${prefix}/sota/${name}`]),
  );
  const who = dialect === 'P3' ? { device: defaultDevice } : { vin: defaultVin };
  const what = dialect === 'P1' ? { packages: [one.id] } : { update_id: updateIn(vehicle) };
  vehicle.backend.server.receive('/sota/start', [{ ...who, ...what, services }]);
}

const phases = async (vehicle: Vehicle) =>
  (await vehicle.status()).packages.map(({ id, phase }) => `${id.name} ${phase}`);

for (const [server, dialect] of releases) {
  test(`${server} ${dialect}: what it starts by itself waits, then goes on`, async () => {
    const one = make('maps');
    await withVehicle({ server, dialect, secondMs: 100, more: ask }, async (vehicle) => {
      const { backend, command } = vehicle;
      vehicle.boot();
      await backend.registered();
      backend.server.notify([one]);
      await vehicle.agent().logged(/package-offered/);
      startByItself(vehicle, one, dialect);
      await vehicle.agent().logged(/start-without-consent/);
      // The first release has no time limits: only an answer ends its wait.
      if (server !== 'S-A') await backend.until('free', ({ isBusy }) => !isBusy());
      assert.equal(
        (await phases(vehicle)).map((text) => text.split(' ')[1]),
        ['offered'],
      );
      assert.equal(vehicle.installs(), []);
      const name = dialect === 'P1' ? 'maps' : updateIn(vehicle);
      assert.is((await command('accept', name)).exitCode, 0);
      await vehicle.reported(one);
      assert.equal(
        backend.server.outcomes.map(({ status }) => status),
        [true],
      );
    });
  });
}

test('after accept and after decline another package is offered, not installed', async () => {
  const [maps, boot, radio] = [make('maps'), make('boot'), make('radio')];
  for (const word of ['accept', 'decline']) {
    await withVehicle({ server: 'S-C', more: ask }, async (vehicle) => {
      const { backend, command } = vehicle;
      vehicle.boot();
      await backend.registered();
      backend.server.notify([maps]);
      await vehicle.agent().logged(/package-offered/);
      assert.is((await command(word, 'maps')).exitCode, 0);
      for (const { id, checksum, chunksCount } of [boot, radio]) {
        const start = { package: id, checksum, chunkscount: chunksCount };
        backend.node.deliver('/sota/start', [start], ttlMs);
      }
      await until('offered', async () => {
        const all = await phases(vehicle);
        return all.includes('boot offered') && all.includes('radio offered');
      });
      vehicle.cut();
      await vehicle.agent().ended;
      const registered = backend.registeredAgain();
      vehicle.boot();
      await registered;
      await until('it answers', () =>
        vehicle.status().then(
          () => true,
          () => false,
        ),
      );
      for (const { id } of [boot, radio]) {
        backend.node.deliver('/sota/chunk', [{ package: id, index: 1, bytes: 'AAAA' }], ttlMs);
        backend.node.deliver('/sota/finish', [{ package: id }], ttlMs);
      }
      if (word === 'accept') await vehicle.reported(maps);
      const all = await phases(vehicle);
      assert.ok(all.includes('boot offered') && all.includes('radio offered'), all.join());
      assert.equal(vehicle.installs(), word === 'accept' ? ['maps'] : []);
    });
  }
});

test('an offer that names other services moves no transfer that is under way', async () => {
  const one = make('maps');
  let isTold = false;
  let tell: () => void = () => undefined;
  const fault = ({ service }: { readonly service: string }) => {
    if (service === '/sota/chunk' && !isTold) {
      isTold = true;
      tell();
    }
    return { kind: 'pass' } as const;
  };
  await withVehicle({ fault }, async (vehicle) => {
    const { backend } = vehicle;
    const services = { start: 'a/s', ack: 'a/b', report: 'a/r', packages: 'a/p' };
    const other = { packages: [{ package: { name: 'x', version: '1.0.0' }, size: 1 }], services };
    tell = () => backend.node.deliver('/sota/notify', [other], ttlMs);
    vehicle.boot();
    await backend.registered();
    backend.server.notify([one]);
    await vehicle.reported(one);
    assert.equal(vehicle.installs(), ['maps']);
    const [waiting] = (await vehicle.status()).packages.filter(({ id }) => id.name === 'x');
    assert.is(waiting?.phase, 'accepted');
  });
});

test.run();
