// Tests the built executable with a backend and Debian's SWUpdate: a signed .swu is installed into
// a folder, and the report is true, also when the agent ends during the install.
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createBackend, isReported } from '../backend/backend.ts';
import { packageOfFile } from '../backend/package.ts';
import { startAgent, writeConfig } from '../support/agent.ts';
import { canMakeSwu, isProgram, makeKeys, makeSwu } from '../support/swu.ts';
import { startSwupdate, swupdateArgs } from '../support/swupdate.ts';
import { assert, suite } from '../support/suite.ts';
import { until } from '../support/idle.ts';
import type { Backend } from '../backend/backend.ts';
import type { ServerPackage } from '../backend/package.ts';
import type { AgentProcess } from '../support/agent.ts';
import type { Keys, SwuScript } from '../support/swu.ts';
import type { SwupdateDaemon } from '../support/swupdate.ts';

const all = suite('a session that ends in SWUpdate');
const test = all.needs('swupdate, openssl, cpio', canMakeSwu() && isProgram('swupdate'));
const data = randomBytes(1_500_000);

type Device = {
  readonly backend: Backend;
  readonly keys: Keys;
  readonly path: (name: string) => string;
  readonly config: string;
  start(): AgentProcess;
  daemon(): Promise<SwupdateDaemon>;
  offer(keys: Keys, scripts?: readonly SwuScript[]): Promise<ServerPackage>;
  reported(one: ServerPackage): Promise<{ readonly status: boolean; readonly text: string }>;
};

async function on(act: (device: Device) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'swu-e2e-'));
  const path = (name: string) => join(directory, name);
  const keys = makeKeys(path('keys'));
  const args = swupdateArgs(keys.certificate);
  const backend = createBackend({});
  await backend.start();
  const config = writeConfig(directory, {
    rvi: { url: backend.url, listen: '127.0.0.1:0' },
    installer: {
      swupdate: { args: [...args], sockets: path('sockets'), versions_file: path('sw-versions') },
    },
  });
  const processes: (AgentProcess | SwupdateDaemon)[] = [];
  const keep = <T extends AgentProcess | SwupdateDaemon>(one: T) => {
    processes.push(one);
    return one;
  };
  try {
    await act({
      backend,
      keys,
      path,
      config,
      start: () => keep(startAgent(config)),
      daemon: async () => keep(await startSwupdate(path('sockets'), args)),
      offer: async (signer, scripts = []) => {
        const file = { name: 'app', data, path: path('target/app') };
        const swu = makeSwu(path('package'), signer, { version: '2.0.0', files: [file], scripts });
        const one = packageOfFile({ name: 'app', version: '2.0.0' }, swu);
        await backend.registered();
        backend.server.notify([one]);
        return one;
      },
      reported: async (one) => {
        await backend.until('reported', (server) => isReported(server, one));
        const [outcome, ...others] = backend.server.outcomes;
        assert.equal(others, []);
        if (outcome === undefined) throw new Error('no outcome');
        return outcome;
      },
    });
  } finally {
    await Promise.all(processes.map((one) => one.kill('SIGKILL')));
    await backend.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function assertInstalled({ path }: Device): Promise<void> {
  assert.ok(readFileSync(path('target/app')).equals(data));
  // The agent removes the payload after the server has confirmed the report.
  await until('the payload to go', () => readdirSync(path('state/packages')).length === 0);
}

/** Logs each of its runs, and ends when the file `go` exists. */
function held({ path }: Device): SwuScript {
  const text = `#!/bin/sh\necho begin >>${path('runs')}\nwhile [ -d ${path('state')} ]; do
  [ -e ${path('go')} ] && echo end >>${path('runs')} && exit 0\n  sleep 0.1\ndone\nexit 1\n`;
  return { name: 'held.sh', text, type: 'preinstall' };
}

function runs({ path }: Device): readonly string[] {
  if (!existsSync(path('runs'))) return [];
  return readFileSync(path('runs'), 'utf8').trim().split('\n');
}

async function begun(device: Device): Promise<void> {
  await until('the install to begin', () => runs(device).length > 0);
}

test('installs by the program where no daemon runs, and reports it', () =>
  on(async (device) => {
    const agent = device.start();
    const one = await device.offer(device.keys);
    const outcome = await device.reported(one);
    assert.is(outcome.status, true, outcome.text);
    assert.match(outcome.text, /SWUpdate reported success/);
    await assertInstalled(device);
    assert.is(await agent.kill(), 0);
  }));

test('installs through the daemon, and lists what the device has', () =>
  on(async (device) => {
    await device.daemon();
    const agent = device.start();
    writeFileSync(device.path('sw-versions'), 'kernel 6.1.0\n');
    appendFileSync(device.path('sw-versions'), 'app 2.0.0\n');
    const one = await device.offer(device.keys);
    const outcome = await device.reported(one);
    assert.is(outcome.status, true, outcome.text);
    assert.match(outcome.text, /ustate is 1/);
    await assertInstalled(device);
    await device.backend.until('packages listed', (server) => server.lists.length > 0);
    assert.equal(device.backend.server.lists[0], [
      { name: 'kernel', version: '6.1.0' },
      { name: 'app', version: '2.0.0' },
    ]);
    assert.is(await agent.kill(), 0);
  }));

for (const form of ['program', 'daemon'] as const) {
  test(`reports the signature of somebody else as SWUpdate names it, by the ${form}`, () =>
    on(async (device) => {
      if (form === 'daemon') await device.daemon();
      device.start();
      const one = await device.offer(makeKeys(device.path('keys'), 'other'));
      const outcome = await device.reported(one);
      assert.is(outcome.status, false);
      assert.match(outcome.text, /[Aa]uthentication of all signatures failed/);
      assert.not.ok(existsSync(device.path('target/app')));
    }));
}

for (const form of ['program', 'daemon'] as const) {
  test(`stopped in an install, records what became of it before the end: ${form}`, () =>
    on(async (device) => {
      if (form === 'daemon') await device.daemon();
      const first = device.start();
      const one = await device.offer(device.keys, [held(device)]);
      await begun(device);
      const ended = first.kill('SIGTERM');
      await first.logged(/info stopping signal=SIGTERM waits_for="install of app/);
      writeFileSync(device.path('go'), '');
      assert.is(await ended, 0);
      const second = device.start();
      const outcome = await device.reported(one);
      assert.is(outcome.status, true, outcome.text);
      assert.equal(runs(device), ['begin', 'end']);
      assert.not.match(second.log(), / installing /);
      assert.is(await second.kill(), 0);
    }));
}

test('asks the daemon what became of an install that it was killed in, and repeats none', () =>
  on(async (device) => {
    await device.daemon();
    const first = device.start();
    const one = await device.offer(device.keys, [held(device)]);
    await begun(device);
    await first.kill('SIGKILL');
    const second = device.start();
    await second.logged(/install attempt 1 interrupted/);
    writeFileSync(device.path('go'), '');
    const outcome = await device.reported(one);
    assert.is(outcome.status, true, outcome.text);
    assert.is(outcome.text, 'ustate is 1 (INSTALLED)');
    assert.equal(runs(device), ['begin', 'end']);
    await assertInstalled(device);
  }));

test('runs no second program beside one that it was killed in', () =>
  on(async (device) => {
    const first = device.start();
    const one = await device.offer(device.keys, [held(device)]);
    await begun(device);
    await first.kill('SIGKILL');
    const second = device.start();
    await second.logged(/install attempt 1 interrupted/);
    // Longer than an agent takes that does not wait.
    await wait(2_000);
    assert.equal(runs(device), ['begin']);
    writeFileSync(device.path('go'), '');
    const outcome = await device.reported(one);
    assert.is(outcome.status, true, outcome.text);
    // The first SWUpdate may have failed because its output pipe is closed; then the agent repeats
    // it.
    const all = runs(device);
    assert.ok(/^begin end( begin end)?$/.test(all.join(' ')), all.join(' '));
    await assertInstalled(device);
  }));

all.run();
