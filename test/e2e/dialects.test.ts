// Tests the built executable against servers of P2 and P3, over HTTP and WebSocket: from the offer
// to the inventory with a SIGKILL in between, with consent, and with failures.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { isBody } from '../backend/dialect.ts';
import { packageOf } from '../backend/package.ts';
import { acknowledged } from '../support/acked.ts';
import { statusOf } from '../support/agent.ts';
import { assert, suite } from '../support/suite.ts';
import { linesOf, withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { Passing } from '../backend/node.ts';
import type { Server } from '../backend/server.ts';
import type { Vehicle } from '../support/vehicle.ts';

const test = suite('the dialects of the server');

const one = packageOf({ name: 'maps', version: '7.0.0' }, randomBytes(6 * 65_536 + 9));
const ways = (['P2', 'P3'] as const).flatMap((dialect) =>
  (['http', 'ws'] as const).map((transport) => ({ dialect, transport })),
);

function updateIn({ log }: Server): string {
  const offer = log.find(({ service }) => service === '/sota/notify')?.parameters;
  const update = isBody(offer) ? offer['update_available'] : undefined;
  return isBody(update) ? String(update['update_id']) : '';
}

const seen = ({ log }: Server, name: string) =>
  log.filter(({ direction, service }) => direction === 'in' && service === `/sota/${name}`);

function isAckOf(count: number) {
  return ({ direction, service, parameters }: Passing): boolean => {
    const body: unknown = Array.isArray(parameters) ? parameters[0] : undefined;
    const chunks: unknown = isBody(body) ? body['chunks'] : undefined;
    const isAck = direction === 'in' && service.endsWith('/sota/ack');
    return isAck && Array.isArray(chunks) && acknowledged(chunks).length === count;
  };
}

async function offer(vehicle: Vehicle, isConfirmationWanted = false): Promise<string> {
  vehicle.boot();
  await vehicle.backend.registered();
  vehicle.backend.server.notify([one], isConfirmationWanted);
  await vehicle.agent().logged(/package-offered/);
  return updateIn(vehicle.backend.server);
}

async function isOver({ status }: Vehicle): Promise<void> {
  await until('nothing is owed', async () => (await status()).packages.length === 0);
}

for (const { dialect, transport } of ways) {
  test(`${dialect} over ${transport}: an update goes on after a SIGKILL`, async () => {
    let isCut = false;
    const isDue = isAckOf(3);
    let cut: () => void = () => undefined;
    const fault = (passing: Passing) => {
      if (!isCut && isDue(passing)) {
        isCut = true;
        cut();
      }
      return { kind: 'pass' } as const;
    };
    const install = 'echo "$SOTA_PACKAGE_SIGNATURE; $SOTA_PACKAGE_DESCRIPTION" >>"$D/told"';
    const options = { dialect, transport, server: 'S-M', fault, install } as const;
    await withVehicle(options, async (vehicle) => {
      const { backend, config, directory } = vehicle;
      cut = vehicle.cut;
      const update = await offer(vehicle);
      await until('the cut', () => isCut);
      await vehicle.agent().ended;
      assert.is(statusOf(config).backend.messages, dialect, 'on flash');
      vehicle.boot();
      await vehicle.reported(one);
      await backend.until('packages listed', ({ lists }) => lists.length > 0);
      assert.equal(
        backend.server.outcomes.map(({ status }) => status),
        [true],
      );
      assert.ok(backend.chunksRepeated() <= 1, `${backend.chunksRepeated()} chunks again`);
      const payload = vehicle.installed({ name: update, version: '' });
      assert.is(packageOf(one.id, payload).checksum, one.checksum);
      assert.equal(linesOf(join(directory, 'told')), [`signature of ${update}; maps 7.0.0`]);
      await isOver(vehicle);
      const undecoded = backend.server.log.filter(({ ignored }) => ignored?.includes('decoded'));
      assert.equal(undecoded, []);
    });
  });
}

test('a wish to be confirmed asks a person, whatever is accepted by itself', async () => {
  await withVehicle({ dialect: 'P3', server: 'S-M' }, async (vehicle) => {
    const update = await offer(vehicle, true);
    await vehicle.agent().kill('SIGKILL');
    vehicle.boot();
    await vehicle.agent().logged(/registered/);
    const [waiting] = (await vehicle.status()).packages;
    assert.equal([waiting?.id.name, waiting?.phase], [update, 'offered'], 'after a boot, too');
    assert.equal(waiting?.update, {
      description: 'maps 7.0.0',
      signature: `signature of ${update}`,
      requestConfirmation: true,
    });
    const { out } = await vehicle.command('why');
    assert.match(out, /maps 7\.0\.0[^]*consent, required by the server/);
    assert.match(
      out,
      /Learned from the server at genivi.org.*start:\n {2}server dialect: P3\n.*progress acks/,
    );
    assert.equal(seen(vehicle.backend.server, 'start'), []);
    assert.is((await vehicle.command('accept', update)).exitCode, 0);
    await vehicle.reported(one);
    assert.is(vehicle.backend.server.outcomes[0]?.status, true);
  });
});

test('one that is declined before anything was asked is forgotten, and never started', async () => {
  await withVehicle({ dialect: 'P2' }, async (vehicle) => {
    const update = await offer(vehicle, true);
    assert.is((await vehicle.command('decline', update)).exitCode, 0);
    await isOver(vehicle);
    await vehicle.agent().kill('SIGKILL');
    vehicle.boot();
    await vehicle.agent().logged(/registered/);
    assert.equal((await vehicle.status()).packages, []);
    assert.equal(seen(vehicle.backend.server, 'start'), []);
  });
});

for (const { what, install, declines, code, text } of [
  { what: 'an install that fails', install: 'exit 7', declines: false, code: 4, text: /with 7/ },
  { what: 'a person who declines', install: ':', declines: true, code: 13, text: /declined/ },
]) {
  test(`${what} is reported with its result code`, async () => {
    // Drops the chunks, so that there is time to decline.
    const fault = ({ service }: Passing) =>
      declines && service === '/sota/chunk'
        ? ({ kind: 'drop' } as const)
        : ({ kind: 'pass' } as const);
    await withVehicle({ dialect: 'P3', server: 'S-M', install, fault }, async (vehicle) => {
      const { backend, command } = vehicle;
      const update = await offer(vehicle);
      await vehicle.agent().logged(/download-started/);
      if (declines) assert.is((await command('decline', update)).exitCode, 0);
      await vehicle.reported(one);
      const [outcome] = backend.server.outcomes;
      assert.is(outcome?.status, false);
      assert.match(outcome?.text ?? '', text);
      const [report] = seen(backend.server, 'report');
      assert.match(JSON.stringify(report?.parameters), `"result_code":${code},`);
    });
  });
}

test('what the server speaks can be fixed, and anything else is refused', async () => {
  const rvi = { server_dialect: 'P1' };
  await withVehicle({ dialect: 'P3', server: 'S-M', rvi }, async (vehicle) => {
    vehicle.boot();
    await vehicle.backend.registered();
    vehicle.backend.server.notify([one]);
    await vehicle.agent().logged(/request-invalid.*packages: a list is needed/);
    assert.equal((await vehicle.status()).packages, []);
  });
});

test.run();
