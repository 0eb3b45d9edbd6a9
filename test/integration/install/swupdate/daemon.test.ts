// Tests the installer with Debian's SWUpdate as a daemon, over its sockets: each test starts a
// daemon, and ends it by its PID.
import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLocalSockets } from '../../../../src/host/sockets.ts';
import { createClock } from '../../../../src/host/time.ts';
import { findDaemon } from '../../../../src/install/swupdate/control-socket.ts';
import { encodeInstall, messageLayouts } from '../../../../src/install/swupdate/control-socket.ts';
import { canMakeSwu, corrupted, isProgram, makeKeys } from '../../../support/swu.ts';
import { startSwupdate, swupdateArgs } from '../../../support/swupdate.ts';
import { assert, suite } from '../../../support/suite.ts';
import { createBench, writePayload } from './bench.ts';
import { until, within } from '../../../support/idle.ts';
import type { InstallResult } from '../../../../src/install/installer.ts';
import type { SwuScript } from '../../../support/swu.ts';
import type { SwupdateDaemon } from '../../../support/swupdate.ts';
import type { Bench } from './bench.ts';

const all = suite('SWUpdate, through its daemon');
const test = all.needs('swupdate, openssl, cpio', canMakeSwu() && isProgram('swupdate'));
const data = randomBytes(1_000_000);
const text = data.toString('latin1');

type Device = Bench & {
  start(...args: readonly string[]): Promise<SwupdateDaemon>;
  install(path: string, given?: object): Promise<InstallResult>;
};

async function on(act: (device: Device) => Promise<void>): Promise<void> {
  const bench = createBench();
  const daemons: SwupdateDaemon[] = [];
  const start = async (...args: readonly string[]) => {
    const all = [...swupdateArgs(bench.keys.certificate), ...args];
    const daemon = await startSwupdate(bench.sockets, all);
    daemons.push(daemon);
    return daemon;
  };
  const install = async (path: string, given = {}) => {
    const installer = bench.installer(given);
    const prepared = await installer.prepare(bench.request(path));
    assert.ok(prepared.ok);
    return installer.run(bench.request(path), prepared.before);
  };
  try {
    await act({ ...bench, start, install });
  } finally {
    await Promise.all(daemons.map((one) => one.kill('SIGKILL')));
    bench.remove();
  }
}

function failure(verdict: InstallResult): string {
  assert.is(verdict.kind, 'failed');
  return verdict.kind === 'failed' ? `${verdict.code}: ${verdict.description}` : '';
}

/** Creates the file `begun`, and ends when the file `go` exists. */
function held(device: Bench): SwuScript {
  const file = (name: string) => join(device.directory, name);
  const text = `#!/bin/sh\ntouch ${file('begun')}\nwhile [ -d ${device.directory} ]; do
  [ -e ${file('go')} ] && exit 0\n  sleep 0.1\ndone\nexit 1\n`;
  return { name: 'held.sh', text, type: 'preinstall' };
}

async function begun(device: Bench): Promise<void> {
  await until('the install to begin', () => existsSync(join(device.directory, 'begun')));
}

const go = (device: Bench) => writeFileSync(join(device.directory, 'go'), '');

test('installs a package, proven by ustate, and starts no program', () =>
  on(async (device) => {
    await device.start();
    const path = device.swu({ files: [device.file(data)] });
    assert.equal(await device.install(path), {
      kind: 'installed',
      description: 'SWUpdate reported success; ustate is 1 (INSTALLED)',
    });
    assert.is(device.installed(), text);
    assert.equal(
      device.ran.map(({ program }) => program),
      ['sync'],
    );
    assert.ok(device.progress.length > 1);
    assert.equal(
      [...device.progress].sort(([a], [b]) => a - b),
      device.progress,
    );
    assert.is(device.progress.at(-1)?.[0], 100);
  }));

test('asks for a reboot where SWUpdate needs one, but not for a package that says no', () =>
  on(async (device) => {
    await device.start();
    const files = [device.file(data)];
    const path = device.swu({ files });
    assert.is((await device.install(path, { reboot: true })).kind, 'reboot-required');
    const calm = device.swu({ files, settings: 'reboot = false;' });
    assert.is((await device.install(calm, { reboot: true })).kind, 'installed');
  }));

test('names a broken byte, after a success whose mark was still there', () =>
  on(async (device) => {
    await device.start();
    const path = device.swu({ files: [device.file(data)] });
    assert.is((await device.install(path)).kind, 'installed');
    const broken = writePayload(device, corrupted(path, data));
    assert.match(failure(await device.install(broken)), /^validation-failed: HASH mismatch/);
  }));

test('names a package that is cut short', () =>
  on(async (device) => {
    await device.start();
    const whole = readFileSync(device.swu({ files: [device.file(data)] }));
    const path = writePayload(device, whole.subarray(0, 500_000));
    assert.match(failure(await device.install(path)), /^validation-failed: HASH mismatch/);
  }));

test('names a signature of somebody else, and other hardware', () =>
  on(async (device) => {
    await device.start();
    const files = [device.file(data)];
    const others = makeKeys(join(device.directory, 'keys'), 'other');
    const foreign = await device.install(device.swu({ files }, others));
    assert.match(failure(foreign), /^validation-failed: .*[Aa]uthenticat/);
    const hardware = await device.install(device.swu({ files, hardware: '2.0' }));
    assert.match(failure(hardware), /^install-failed: .*not compatible/);
    assert.is(device.installed(), undefined);
  }));

test('names a script that fails', () =>
  on(async (device) => {
    await device.start();
    const script = { name: 'bad.sh', text: '#!/bin/sh\nexit 3\n', type: 'postinstall' } as const;
    const path = device.swu({ files: [device.file(data)], scripts: [script] });
    const said = failure(await device.install(path));
    assert.is(said, 'install-failed: execute postinstall scripts failed');
  }));

test('lets the configured check decide against a success', () =>
  on(async (device) => {
    await device.start();
    const path = device.swu({ files: [device.file(data)] });
    const check = ['/bin/sh', '-c', 'echo "$SOTA_PACKAGE_NAME is not there"; exit 1'];
    const said = failure(await device.install(path, { verifyCommand: check }));
    assert.match(
      said,
      /^install-failed: SWUpdate reported success; the verify command: .*app is not there/,
    );
  }));

test('is busy while another install goes on, and starts nothing beside it', () =>
  on(async (device) => {
    await device.start();
    const files = [device.file(data)];
    const other = device.install(device.swu({ files, scripts: [held(device)] }));
    await begun(device);
    const path = device.swu({ files });
    const verdict = await device.installer().run(device.request(path), '{}');
    assert.equal(verdict, {
      kind: 'busy',
      reason: 'the SWUpdate daemon is busy with another install',
    });
    go(device);
    assert.is((await other).kind, 'installed');
    assert.ok(!device.ran.some(({ program }) => program === 'swupdate'));
  }));

test('is cut by a daemon that is killed in the middle, and installs in the one after it', () =>
  on(async (device) => {
    const daemon = await device.start();
    const path = device.swu({ files: [device.file(data)], scripts: [held(device)] });
    const verdict = device.install(path);
    await begun(device);
    await daemon.kill('SIGKILL');
    go(device);
    await device.start();
    assert.is((await verdict).kind, 'interrupted');
    assert.equal(device.logged, ['swupdate-terminated']);
    // Another start is a separate attempt with a separate record.
    assert.is(device.installed(), undefined);
    assert.is((await device.install(path)).kind, 'installed');
    assert.is(device.installed(), text);
    assert.ok(!device.ran.some(({ program }) => program === 'swupdate'));
  }));

test('takes a socket file that nobody answers for no daemon', () =>
  on(async (device) => {
    const daemon = await device.start();
    await daemon.kill('SIGKILL');
    assert.ok(existsSync(join(device.sockets, 'sockinstctrl')));
    const path = device.swu({ files: [device.file(data)] });
    assert.is((await device.install(path)).kind, 'installed');
    assert.ok(device.ran.some(({ program }) => program === 'swupdate'));
  }));

test('finds nothing installed after a stream that was cut, and the next run repairs it', () =>
  on(async (device) => {
    await device.start();
    const path = device.swu({ files: [device.file(data)] });
    const installer = device.installer();
    const prepared = await installer.prepare(device.request(path));
    assert.ok(prepared.ok);
    await cutStream(device, readFileSync(path).subarray(0, 600_000));
    const probed = await installer.probe(device.request(path), prepared.before);
    assert.is(probed.kind, 'not-installed');
    assert.is((await installer.run(device.request(path), prepared.before)).kind, 'installed');
    assert.is((await installer.probe(device.request(path), prepared.before)).kind, 'installed');
  }));

test('waits for an install that goes on without the agent, and takes its mark for the truth', () =>
  on(async (device) => {
    await device.start();
    const path = device.swu({ files: [device.file(data)], scripts: [held(device)] });
    const installer = device.installer();
    const prepared = await installer.prepare(device.request(path));
    assert.ok(prepared.ok);
    await cutStream(device, readFileSync(path));
    await begun(device);
    const probed = installer.probe(device.request(path), prepared.before);
    go(device);
    assert.equal(await probed, { kind: 'installed', description: 'ustate is 1 (INSTALLED)' });
  }));

/** Simulates an agent that dies: sends `part`, and closes its connection. */
async function cutStream(device: Bench, part: Uint8Array): Promise<void> {
  const ports = { sockets: createLocalSockets(), clock: createClock() };
  const found = await findDaemon(ports, [device.sockets]);
  const [shape] = messageLayouts;
  assert.ok(found.kind === 'daemon' && shape !== undefined);
  if (found.kind !== 'daemon' || shape === undefined) return;
  const isClosed = new Promise<void>((done) => {
    const socket = createConnection(join(device.sockets, 'sockinstctrl'), () => {
      socket.write(encodeInstall(shape, 'cut'));
    });
    socket.once('data', () => socket.end(part));
    socket.on('error', () => undefined);
    socket.once('close', () => done());
  });
  await within('the daemon to end the connection', isClosed);
}

test('says which versions the device has', () =>
  on(async (device) => {
    mkdirSync(device.directory, { recursive: true });
    assert.is((await device.installer().list()).ok, 'absent');
    writeFileSync(device.versions, 'bootloader 2023.04\nrootfs   5.1-r2\n');
    assert.equal(await device.installer().list(), {
      ok: true,
      packages: [
        { name: 'bootloader', version: '2023.04' },
        { name: 'rootfs', version: '5.1-r2' },
      ],
    });
  }));

all.run();
