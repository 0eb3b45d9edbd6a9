// Tests an interrupted install by Debian's SWUpdate daemon, which survives the agent. A relay
// between them halts their handshake at a byte; then the test kills the agent and starts it again.
// The daemon still has the success mark of an earlier update, which the agent must not report for
// this one.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalSockets } from '../../src/host/sockets.ts';
import { createClock } from '../../src/host/time.ts';
import { findDaemon } from '../../src/install/swupdate/control-socket.ts';
import { packageOfFile } from '../backend/package.ts';
import { attemptsIn, cutAgent, onlyOutcome } from '../support/interrupted.ts';
import { canMakeSwu, isProgram, makeKeys, makeSwu } from '../support/swu.ts';
import { createRelay, requestBytes } from '../support/swupdate-relay.ts';
import { startSwupdate, swupdateArgs } from '../support/swupdate.ts';
import { assert, suite } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { Control } from '../../src/install/swupdate/control-socket.ts';
import type { Halt, Relay } from '../support/swupdate-relay.ts';
import type { Vehicle } from '../support/vehicle.ts';

const all = suite('SWUpdate, its daemon left by the agent');
const test = all.needs('swupdate, openssl, cpio', canMakeSwu() && isProgram('swupdate'));
const data = randomBytes(1_500_000);
let directory = '';
const path = (name: string) => join(directory, name);
all.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'swu-left-'));
});
all.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const target = () => readFileSync(path('target/app'));

type Place = {
  readonly vehicle: Vehicle;
  readonly relay: Relay;
  readonly control: Control;
  halted(): Promise<void>;
};

/**
 * Runs an update up to `halt`; `act` interrupts the agent and leaves a running one. Returns the
 * report.
 */
async function on(
  haltOf: (imageBytes: number) => Halt,
  act: (place: Place) => Promise<void>,
): Promise<{ readonly status: boolean; readonly text: string }> {
  const keys = makeKeys(path('keys'));
  const file = { name: 'app', data, path: path('target/app') };
  const swu = makeSwu(path('package'), keys, { version: '2.0.0', files: [file] });
  const one = packageOfFile({ name: 'app', version: '2.0.0' }, swu);
  mkdirSync(path('target'));
  writeFileSync(path('target/app'), 'old');
  const daemon = await startSwupdate(path('daemon'), swupdateArgs(keys.certificate));
  const relay = await createRelay(path('sockets'), path('daemon'));
  try {
    const control = await controlOf(path('daemon'));
    assert.ok(await control.writeState('1'));
    const swupdate = { program: path('none'), sockets: path('sockets') };
    const versions = { versions_file: path('sw-versions') };
    const installer = { default: 'auto', max_attempts: 2, swupdate: { ...swupdate, ...versions } };
    let outcome = { status: false, text: '' };
    await withVehicle({ more: { installer } }, async (vehicle) => {
      const halt = haltOf(readFileSync(swu).length);
      relay.haltAt(halt);
      vehicle.boot();
      await vehicle.backend.registered();
      vehicle.backend.server.notify([one]);
      const halted = () => until('the handshake to halt', () => relay.isHalted());
      await halted();
      await act({ vehicle, relay, control, halted });
      await vehicle.reported(one);
      outcome = await onlyOutcome(vehicle);
    });
    return outcome;
  } catch (error) {
    console.error(daemon.log());
    throw error;
  } finally {
    await relay.stop();
    await daemon.kill('SIGKILL');
  }
}

async function controlOf(folder: string): Promise<Control> {
  const ports = { sockets: createLocalSockets(), clock: createClock() };
  const found = await findDaemon(ports, [folder]);
  if (found.kind !== 'daemon') throw new Error(found.kind);
  return found.control;
}

const moments: readonly (readonly [string, Halt])[] = [
  ['connected, nothing written', { bytes: 0, isAnswered: false }],
  ['half of the request written', { bytes: requestBytes / 2, isAnswered: false }],
  ['the request written, its answer unread', { bytes: requestBytes, isAnswered: false }],
  ['answered, no byte of the image sent', { bytes: requestBytes, isAnswered: true }],
  ['some of the image sent', { bytes: requestBytes + 600_000, isAnswered: true }],
];

for (const [moment, halt] of moments) {
  test(`left with ${moment}: free at once, nothing installed, sent again once`, async () => {
    const { status, text } = await on(
      () => halt,
      async ({ vehicle, relay, control }) => {
        // Waits until the daemon has read the request.
        const isTaken = halt.bytes >= requestBytes;
        // Just after its answer the daemon may still report that it is idle.
        const isBusy = async () => (await control.status()).kind === 'busy';
        await until('the daemon to begin', async () => !isTaken || (await isBusy()));
        await cutAgent(vehicle);
        await relay.released();
        assert.is((await control.waitUntilIdle(20_000)).kind, 'idle');
        assert.is(target().toString(), 'old');
        vehicle.boot();
        await vehicle.agent().logged(/ installed /);
        assert.is(relay.requests(), 2);
        assert.equal(attemptsIn(vehicle).slice(-1), [2]);
      },
    );
    assert.is(status, true, text);
    assert.is(text, 'SWUpdate reported success; ustate is 1 (INSTALLED)');
    assert.ok(target().equals(data));
  });
}

test('left with the image sent, its end unheard: the mark is believed, nothing sent', async () => {
  const whole = (imageBytes: number) => ({ bytes: requestBytes + imageBytes, isAnswered: true });
  const { status, text } = await on(whole, async ({ vehicle, relay, control }) => {
    await until('the update to be there', () => target().equals(data));
    assert.is((await control.waitUntilIdle(20_000)).kind, 'idle');
    await cutAgent(vehicle);
    await relay.released();
    vehicle.boot();
    await vehicle.agent().logged(/ installed /);
    assert.is(relay.requests(), 1);
  });
  assert.is(status, true, text);
  assert.is(text, 'ustate is 1 (INSTALLED)');
});

test('left in each of its attempts: a failure that says so, and nothing sent more', async () => {
  const halt = { bytes: requestBytes, isAnswered: true };
  const { status, text } = await on(
    () => halt,
    async ({ vehicle, relay, control, halted }) => {
      relay.haltAt(halt);
      await cutAgent(vehicle);
      await relay.released();
      vehicle.boot();
      await halted();
      await cutAgent(vehicle);
      await relay.released();
      vehicle.boot();
      await vehicle.agent().logged(/update-failed/);
      assert.is(relay.requests(), 2);
      assert.is((await control.waitUntilIdle(20_000)).kind, 'idle');
      assert.is(target().toString(), 'old');
    },
  );
  assert.is(status, false, text);
  assert.match(text, /^interrupted in attempt 2, the last one: /);
});

all.run();
