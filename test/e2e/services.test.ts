// Tests the restart of a transfer after server-online: the first ack is lost, for which its server
// waits without a limit, and the agent for ten minutes. Then the link between the nodes breaks and
// returns, which alone restarts the transfer.
import { randomBytes } from 'node:crypto';
import { packageOf } from '../backend/package.ts';
import { assert, suite } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { Passing } from '../backend/node.ts';

const test = suite('services that come and go');
const one = packageOf({ name: 'radio', version: '4.0.0' }, randomBytes(2 * 65_536));

for (const transport of ['http', 'ws'] as const) {
  test(`a server that was away is asked as soon as it is back, over ${transport}`, async () => {
    let isLost = false;
    const fault = ({ service }: Passing) => {
      if (isLost || !service.endsWith('/sota/ack')) return { kind: 'pass' } as const;
      isLost = true;
      return { kind: 'drop' } as const;
    };
    const options = { transport, server: 'S-B', fault, rvi: { stall_timeout: 600 } } as const;
    await withVehicle(options, async (vehicle) => {
      const { backend, status } = vehicle;
      const agent = vehicle.boot();
      await backend.registered();
      backend.server.notify([one]);
      await until('the first ack is lost', () => isLost);
      backend.node.setLink(false);
      // Waits for all four services; a later one would count as another outage.
      await until('it is away', () => agent.log().split('server-offline').length > 4);
      assert.match((await status()).link.detail, /the server is offline/);
      backend.node.setLink(true);
      await agent.logged(/server-online/);
      assert.is((await status()).link.detail, 'registered');
      await vehicle.reported(one);
      assert.is(backend.server.outcomes[0]?.status, true);
      const told = (code: string) => vehicle.logs().split(` info ${code} `).length - 1;
      assert.is(told('server-online'), 1, 'four announcements, one line');
    });
  });
}

test.run();
