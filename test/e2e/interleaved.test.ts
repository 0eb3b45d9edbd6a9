// Tests exchanges that are concurrent or disturbed: several packages at once or in a row, an abort,
// a lost finish. Peers restart or close the link in between.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isBody } from '../backend/dialect.ts';
import { packageOf } from '../backend/package.ts';
import { acknowledged } from '../support/acked.ts';
import { startAgent, writeConfig } from '../support/agent.ts';
import { createHttpSeedNode } from '../support/seed-node.ts';
import { assert, suite } from '../support/suite.ts';
import { linesOf, withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { Passing } from '../backend/node.ts';
import type { ServerPackage } from '../backend/package.ts';
import type { SeedNode } from '../support/seed-node.ts';
import type { Vehicle } from '../support/vehicle.ts';

const test = suite('interleaved');

const make = (name: string, sizeBytes = 6 * 65_536 + 1) =>
  packageOf({ name, version: '1.0.0' }, randomBytes(sizeBytes));

/** Calls `act` once, before the chunk of this index is delivered. */
function atChunk(index: number, act: () => void) {
  let isDone = false;
  return ({ direction, service, parameters }: Passing) => {
    const body: unknown = Array.isArray(parameters) ? parameters[0] : undefined;
    const isIt = direction === 'out' && service === '/sota/chunk' && isBody(body);
    if (isIt && body['index'] === index && !isDone) {
      isDone = true;
      act();
    }
    return { kind: 'pass' } as const;
  };
}

async function offer(vehicle: Vehicle, ...packages: readonly ServerPackage[]): Promise<void> {
  vehicle.boot();
  await vehicle.backend.registered();
  vehicle.backend.server.notify(packages);
}

/** Answers the acks of three packages as they arrive, like the first servers. */
async function serveAll(node: SeedNode, packages: readonly ServerPackage[]): Promise<string[]> {
  const reports: string[] = [];
  while (reports.length < packages.length) {
    const { text } = await node.next();
    const call: unknown = JSON.parse(text);
    const params = isBody(call) && isBody(call['params']) ? call['params'] : {};
    const head: unknown = Array.isArray(params['parameters']) ? params['parameters'][0] : {};
    const body = isBody(head) ? head : {};
    const id = isBody(body['package']) ? body['package'] : {};
    const one = packages.find(({ id: { name } }) => name === id['name']);
    const service = String(params['service_name'] ?? '')
      .split('/')
      .at(-1);
    if (service === 'report') reports.push(`${String(id['name'])} ${String(body['status'])}`);
    if (service === 'start') for (const each of packages) await announce(node, each);
    if (service !== 'ack' || one === undefined || !Array.isArray(body['chunks'])) continue;
    const index = acknowledged(body['chunks']).length + 1;
    if (index > one.chunksCount) await node.deliver('/sota/finish', [{ package: one.id }]);
    else {
      const chunk = { package: one.id, index, bytes: one.chunk(index) };
      await node.deliver('/sota/chunk', [chunk]);
    }
  }
  return reports;
}

async function announce(node: SeedNode, { id, checksum, chunksCount }: ServerPackage) {
  await node.deliver('/sota/start', [{ package: id, checksum, chunkscount: chunksCount }]);
}

test('three packages at once: one that was offered, and two that it depends on', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sota-'));
  const node = createHttpSeedNode('genivi.org/vin/V1234567890123456');
  await node.start();
  const script = `cp "$SOTA_PACKAGE_FILE" ${directory}/got-$SOTA_PACKAGE_NAME`;
  const agent = startAgent(
    writeConfig(directory, {
      rvi: { url: node.url(), listen: '127.0.0.1:0' },
      installer: { default: 'command', command: { program: 'sh', args: ['-ec', script] } },
    }),
  );
  const packages = [make('a'), make('b', 300_000), make('c', 1)];
  try {
    await agent.logged(/ registered /);
    await node.deliver('/sota/notify', [{ packages: [{ package: packages[0]?.id, size: 1 }] }]);
    const reports = await serveAll(node, packages);
    assert.equal(reports.toSorted(), ['a true', 'b true', 'c true']);
    for (const { id, checksum } of packages) {
      const got = packageOf(id, readFileSync(join(directory, `got-${id.name}`)));
      assert.is(got.checksum, checksum);
    }
  } finally {
    await agent.kill('SIGKILL');
    await node.stop();
    rmSync(directory, { recursive: true, force: true });
  }
});

test('an abort in the middle leaves nothing behind, and the next offer is served', async () => {
  const one = make('one');
  let abort: () => void = () => undefined;
  await withVehicle({ fault: atChunk(4, () => abort()) }, async (vehicle) => {
    const { backend, directory } = vehicle;
    abort = () => backend.server.abort();
    await offer(vehicle, one);
    await vehicle.agent().logged(/aborted-by-server/);
    const folder = join(directory, 'state/packages');
    await until('no data', () => readdirSync(folder).length === 0);
    assert.equal((await vehicle.status()).packages, []);
    backend.server.notify([one]);
    await vehicle.reported(one);
    assert.equal(vehicle.installs(), ['one']);
  });
});

for (const server of ['S-A', 'S-C'] as const) {
  test(`a finish that does not come is not waited for (${server})`, async () => {
    const fault = ({ service }: Passing) =>
      service === '/sota/finish' ? ({ kind: 'drop' } as const) : ({ kind: 'pass' } as const);
    await withVehicle({ server, fault, rvi: { finish_timeout: 0.5 } }, async (vehicle) => {
      const one = make('one');
      await offer(vehicle, one);
      await vehicle.reported(one);
      assert.is(vehicle.backend.server.outcomes[0]?.status, true);
      await vehicle.agent().logged(/warn finish-timeout/);
    });
  });
}

for (const transport of ['http', 'ws'] as const) {
  test(`a node that restarts is registered with again, in a transfer (${transport})`, async () => {
    const one = make('one');
    let restart: () => void = () => undefined;
    const fault = atChunk(3, () => restart());
    await withVehicle({ transport, fault, rvi: { register_interval: 1 } }, async (vehicle) => {
      const { backend } = vehicle;
      let again: Promise<void> | undefined;
      restart = () => {
        again = backend.registeredAgain();
        void backend.restartNode(50);
      };
      await offer(vehicle, one);
      await vehicle.reported(one);
      await again;
      assert.ok(again !== undefined);
      assert.ok(backend.chunksRepeated() <= 1, `${backend.chunksRepeated()}`);
    });
  });

  test(`a server that restarts and knows nothing is asked again (${transport})`, async () => {
    const one = make('one');
    let restart: () => void = () => undefined;
    await withVehicle({ transport, fault: atChunk(5, () => restart()) }, async (vehicle) => {
      const { backend } = vehicle;
      restart = () => void backend.restartServer(50);
      await offer(vehicle, one);
      await vehicle.reported(one);
      assert.is(backend.server.outcomes[0]?.status, true);
      // The last chunk before the restart, and the one that `[]` after the new start causes.
      assert.ok(backend.chunksRepeated() <= 2, `${backend.chunksRepeated()}`);
    });
  });

  test(`a link that is cut in the middle comes back by itself (${transport})`, async () => {
    const one = make('one');
    let disconnect: () => void = () => undefined;
    await withVehicle({ transport, fault: atChunk(3, () => disconnect()) }, async (vehicle) => {
      const { backend } = vehicle;
      disconnect = backend.disconnect;
      await offer(vehicle, one);
      await vehicle.reported(one);
      assert.ok(backend.chunksRepeated() <= 1, `${backend.chunksRepeated()}`);
    });
  });
}

test('a node that forgets us in silence is told again in time', async () => {
  await withVehicle({ rvi: { register_interval: 1 } }, async (vehicle) => {
    const { backend } = vehicle;
    vehicle.boot();
    await backend.registered();
    // No call of the agent fails, so that only the next registration can help.
    backend.node.crash();
    assert.equal(backend.node.registered(), []);
    await backend.registeredAgain();
    const one = make('one', 9);
    backend.server.notify([one]);
    await vehicle.reported(one);
  });
});

test('several packages of one offer are brought one after the other', async () => {
  await withVehicle({}, async (vehicle) => {
    const packages = ['one', 'two', 'three', 'four'].map((name) => make(name, 70_000));
    await offer(vehicle, ...packages);
    for (const one of packages) await vehicle.reported(one);
    assert.equal(vehicle.installs(), ['one', 'two', 'three', 'four']);
    assert.equal(linesOf(join(vehicle.directory, 'runs')).length, 4);
    assert.is(vehicle.backend.chunksRepeated(), 0);
  });
});

test.run();
