// Tests installs that take longer than the server's install timeout, with a minute of the server
// scaled to two seconds: which servers get acks meanwhile, and which get none.
import { randomBytes } from 'node:crypto';
import { packageOf } from '../backend/package.ts';
import { assert, suite } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import type { SeenMessage } from '../backend/seen.ts';
import type { Server } from '../backend/server.ts';
import type { VehicleOptions } from '../support/vehicle.ts';

const test = suite('long installs');

const one = packageOf({ name: 'firmware', version: '3.0.0' }, randomBytes(65_536 + 9));
const install = 'sleep 4';
/** 60 s of the server last 2 s here; 20 s of the agent would last two thirds of a second. */
const secondMs = 1_000 / 30;
const rvi = { progress_interval: 0.6 };

/** Acks after the first finish. */
function late({ log }: Server): readonly SeenMessage[] {
  const from = log.findIndex(({ service }) => service === '/sota/finish');
  return log.slice(from).filter(({ service }) => service === '/sota/ack');
}

type Ended = {
  readonly late: number;
  readonly aborts: number;
  readonly status: boolean | undefined;
};

async function travel(options: VehicleOptions): Promise<Ended> {
  let ended: Ended = { late: 0, aborts: 0, status: undefined };
  await withVehicle({ install, secondMs, rvi, ...options }, async (vehicle) => {
    const { server } = vehicle.backend;
    vehicle.boot();
    await vehicle.backend.registered();
    server.notify([one]);
    await vehicle.backend.until('a report', ({ log }) =>
      log.some(({ service }) => service === '/sota/report'),
    );
    const status = server.outcomes[0]?.status;
    ended = { late: late(server).length, aborts: server.aborts(), status };
  });
  return ended;
}

test('who gives up after a minute is kept waiting, who waits for ever is left alone', async () => {
  const [p1, p2, p3, without, patient] = await Promise.all([
    travel({ server: 'S-C', dialect: 'P1' }),
    travel({ server: 'S-M', dialect: 'P2' }),
    travel({ server: 'S-M', dialect: 'P3', transport: 'ws' }),
    travel({ server: 'S-C', rvi: { progress_interval: 0 } }),
    travel({ server: 'S-A' }),
  ]);
  for (const { late: said, aborts, status } of [p1, p2, p3]) {
    assert.equal([aborts, status], [0, true]);
    assert.ok(said >= 3, `${said} signs`);
  }
  assert.equal(without, { late: 0, aborts: 1, status: undefined }, 'it takes no report any more');
  assert.equal(patient, { late: 0, aborts: 0, status: true });
});

test('who would take it for an ack of his next package gets none, and is not blocked', async () => {
  const needs = [packageOf({ name: 'library', version: '1.0.0' }, randomBytes(3 * 65_536))];
  const both = { ...one, needs };
  const options = { server: 'S-M', dialect: 'P3', install, secondMs, rvi } as const;
  await withVehicle(options, async (vehicle) => {
    const { backend } = vehicle;
    vehicle.boot();
    await backend.registered();
    backend.server.notify([both]);
    await vehicle.reported(one);
    await backend.until('it gives up', ({ aborts }) => aborts() > 0);
    assert.not(backend.server.isBusy());
    assert.is(backend.server.outcomes[0]?.status, false);
    assert.match(backend.server.outcomes[0]?.text ?? '', /several packages/);
    const chunks = late(backend.server).map(({ parameters }) => JSON.stringify(parameters));
    // Only the ack that releases the server: it has no chunks that could belong to the next
    // package.
    assert.equal(
      chunks.map((text) => /"chunks":"([^"]*)"/.exec(text)?.[1]),
      [''],
    );
  });
});

test('in P1 what a package needs has a name of its own, and is installed beside it', async () => {
  // This server drops a package that is complete before the others (protocol 2.4); so this one is
  // the smaller.
  const needs = [packageOf({ name: 'library', version: '1.0.0' }, randomBytes(9))];
  await withVehicle({ server: 'S-C' }, async (vehicle) => {
    vehicle.boot();
    await vehicle.backend.registered();
    vehicle.backend.server.notify([{ ...one, needs }]);
    await vehicle.reported(one);
    await vehicle.agent().logged(/installed.*name=library/);
    assert.equal([...vehicle.installs()].sort(), ['firmware', 'library']);
  });
});

test.run();
