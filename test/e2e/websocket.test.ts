// Tests the built executable against the WebSocket edges of real nodes, in their message formats: a
// whole session, and one with a SIGKILL in the middle.
import { randomBytes } from 'node:crypto';
import { packageOf } from '../backend/package.ts';
import { assert, suite } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { VehicleOptions } from '../support/vehicle.ts';

const test = suite('the WebSocket of a node');
const chunksCount = 6;

const ways: readonly (readonly [name: string, options: VehicleOptions])[] = [
  ['0.4', { transport: 'rvi', node: '0.4', server: 'S-C' }],
  ['0.5.1', { transport: 'rvi', node: '0.5.1', server: 'S-C', hasAdapter: true }],
];

for (const [name, options] of ways) {
  test(`${name} brings a package from the offer to the report, a cut in the middle`, async () => {
    const one = packageOf({ name: 'radio', version: '1.2.3' }, randomBytes(chunksCount * 65_536));
    let isCut = false;
    let cut: () => void = () => undefined;
    const fault: VehicleOptions['fault'] = ({ direction, service }) => {
      if (direction === 'out' && service === '/sota/chunk' && !isCut) cut();
      return { kind: 'pass' };
    };
    await withVehicle({ ...options, fault }, async (vehicle) => {
      const { backend } = vehicle;
      vehicle.boot();
      await backend.registered();
      let chunks = 0;
      cut = () => {
        chunks += 1;
        isCut = chunks === 3;
        if (isCut)
          void vehicle
            .agent()
            .kill('SIGKILL')
            .then(() => vehicle.boot());
      };
      backend.server.notify([one]);
      await vehicle.reported(one);
      assert.ok(isCut);
      assert.equal(
        backend.server.outcomes.map(({ status }) => status),
        [true],
      );
      assert.equal(vehicle.installs(), ['radio']);
      assert.is(packageOf(one.id, vehicle.installed(one.id)).checksum, one.checksum);
      assert.ok(backend.chunksRepeated() <= 1, `${backend.chunksRepeated()} sent again`);
      // 0.4 drops a list without an object, including the getpackages that confirms a report.
      if (name === '0.4') {
        assert.ok(backend.failures.some((reason) => /dropped.*getpackages/.test(reason)));
      } else await until('listed', () => backend.server.lists.length > 0);
    });
  });
}

test.run();
