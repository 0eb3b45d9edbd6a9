// Tests the built agent in a control group that limits its memory: it works, and it warns where it
// may not.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { packageOf } from '../backend/package.ts';
import { agentPath } from '../support/agent.ts';
import { makeGroup } from '../support/memory-group.ts';
import { assert, suite } from '../support/suite.ts';
import { until } from '../support/idle.ts';
import { withVehicle } from '../support/vehicle.ts';
import type { Group } from '../support/memory-group.ts';
import type { VehicleOptions } from '../support/vehicle.ts';

const test = suite('a limit of memory');

const probe = makeGroup(1_048_576);
probe?.end();
const withGroup = test.needs('root, and control groups for memory', probe !== undefined);

function isRemoved({ end }: Group): boolean {
  try {
    end();
    return true;
  } catch {
    return false;
  }
}

async function inGroup(
  bytes: number,
  act: (within: VehicleOptions, folder: string) => Promise<void>,
): Promise<void> {
  const group = makeGroup(bytes);
  if (group === undefined) throw new Error('no group can be made');
  try {
    await act({ group: group.folder }, group.folder);
  } finally {
    // A process that was killed leaves its group a little later.
    await until('the group is empty', () => isRemoved(group));
  }
}

const mebibyte = 1_048_576;
const large = packageOf({ name: 'large', version: '1.0.0' }, randomBytes(300 * 65_536 + 9));

for (const transport of ['http', 'ws'] as const) {
  withGroup(`a transfer over ${transport} ends within 64 MiB, also after a SIGKILL`, async () => {
    await inGroup(64 * mebibyte, async (within) => {
      await withVehicle({ transport, ...within }, async (vehicle) => {
        const { backend } = vehicle;
        vehicle.boot();
        await backend.registered();
        backend.server.notify([large]);
        await until('half of it', async () => {
          return (await vehicle.status()).packages.some(({ chunksHeld }) => chunksHeld > 150);
        });
        vehicle.cut();
        await vehicle.agent().ended;
        vehicle.boot();
        await vehicle.reported(large);
        assert.is(backend.server.outcomes[0]?.status, true);
        assert.ok(backend.chunksRepeated() <= 1, `${backend.chunksRepeated()} chunks again`);
        assert.not.match(vehicle.logs(), /memory-limit-low/);
      });
    });
  });
}

withGroup('a start in a group with too little says so', async () => {
  await inGroup(40 * mebibyte, async (within, folder) => {
    await withVehicle(within, async (vehicle) => {
      const agent = vehicle.boot();
      const [line] = await agent.logged(/.* warn memory-limit-low .*/);
      assert.match(line, `limit="40 MiB" needed="48 MiB" file=${folder}`);
    });
  });
});

test('a limit of the data segment ends Node at its start, with the documented line', () => {
  const limited = ['-c', 'ulimit -c 0; ulimit -d 65536; exec "$@"', 'sh', agentPath(), 'version'];
  const { status, stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8' });
  assert.is.not(status, 0);
  const line = 'Fatal process out of memory: Failed to reserve virtual memory for CodeRange';
  assert.ok(`${stdout}${stderr}`.includes(line), `${stdout}${stderr}`);
  assert.ok(readFileSync('docs/operate/troubleshooting.md', 'utf8').includes(line));
});

test.run();
