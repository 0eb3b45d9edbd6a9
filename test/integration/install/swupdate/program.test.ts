// Tests the installer with Debian's SWUpdate as a program: real packages, real failures, and the
// report of each.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { canMakeSwu, corrupted, isProgram, makeKeys } from '../../../support/swu.ts';
import { swupdateArgs } from '../../../support/swupdate.ts';
import { assert, suite } from '../../../support/suite.ts';
import { createBench, writePayload } from './bench.ts';
import { until } from '../../../support/idle.ts';
import type { InstallResult } from '../../../../src/install/installer.ts';
import type { Bench } from './bench.ts';

const all = suite('SWUpdate, started as a program');
const test = all.needs('swupdate, openssl, cpio', canMakeSwu() && isProgram('swupdate'));
const data = randomBytes(300_000);
const text = data.toString('latin1');

async function install(bench: Bench, path: string, given = {}): Promise<InstallResult> {
  const installer = bench.installer(given);
  const prepared = await installer.prepare(bench.request(path));
  assert.ok(prepared.ok);
  return installer.run(bench.request(path), prepared.before);
}

async function on(act: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = createBench();
  try {
    await act(bench);
  } finally {
    bench.remove();
  }
}

function failure(verdict: InstallResult): string {
  assert.is(verdict.kind, 'failed');
  return verdict.kind === 'failed' ? `${verdict.code}: ${verdict.description}` : '';
}

test('installs a package, syncs, and leaves nothing behind', () =>
  on(async (bench) => {
    const path = bench.swu({ files: [bench.file(data)] });
    assert.equal(await install(bench, path), {
      kind: 'installed',
      description: 'SWUpdate reported success; nothing on the device can confirm it',
    });
    assert.is(bench.installed(), text);
    assert.equal(
      bench.ran.map(({ program }) => program),
      ['fw_printenv', 'fw_printenv', 'swupdate', 'sync'],
    );
    assert.equal(readdirSync(join(bench.directory, 'work')), []);
  }));

test('shows the progress', () =>
  on(async (bench) => {
    const script = { name: 'slow.sh', text: '#!/bin/sh\nsleep 1\n', type: 'postinstall' } as const;
    const path = bench.swu({ files: [bench.file(data)], scripts: [script] });
    assert.is((await install(bench, path)).kind, 'installed');
    assert.ok(bench.progress.some(([percent]) => percent > 0));
  }));

test('names a broken byte', () =>
  on(async (bench) => {
    const path = writePayload(bench, corrupted(bench.swu({ files: [bench.file(data)] }), data));
    assert.match(failure(await install(bench, path)), /^validation-failed: HASH mismatch/);
    assert.is(bench.installed(), undefined);
  }));

test('names a package that is cut short', () =>
  on(async (bench) => {
    const whole = readFileSync(bench.swu({ files: [bench.file(data)] }));
    const path = writePayload(bench, whole.subarray(0, 200_000));
    assert.match(failure(await install(bench, path)), /^validation-failed: HASH mismatch/);
  }));

test('names a signature of somebody else', () =>
  on(async (bench) => {
    const others = makeKeys(join(bench.directory, 'keys'), 'other');
    const path = bench.swu({ files: [bench.file(data)] }, others);
    assert.match(failure(await install(bench, path)), /^validation-failed: .*[Aa]uthenticat/);
    assert.is(bench.installed(), undefined);
  }));

test('names other hardware', () =>
  on(async (bench) => {
    const path = bench.swu({ hardware: '2.0', files: [bench.file(data)] });
    assert.match(failure(await install(bench, path)), /^install-failed: .*not compatible/);
  }));

test('names a downgrade', () =>
  on(async (bench) => {
    const path = bench.swu({ files: [bench.file(data)] });
    const args = ['-N', '2.0.0', ...swupdateArgs(bench.keys.certificate)];
    assert.match(failure(await install(bench, path, { args })), /^old-version: No downgrading/);
  }));

test('names a script that fails, though the files are there', () =>
  on(async (bench) => {
    const script = { name: 'bad.sh', text: '#!/bin/sh\nexit 3\n', type: 'postinstall' } as const;
    const path = bench.swu({ files: [bench.file(data)], scripts: [script] });
    const said = failure(await install(bench, path));
    assert.is(said, 'install-failed: execute postinstall scripts failed');
    assert.is(bench.installed(), text);
  }));

test('calls it installed when only the post-update command fails', () =>
  on(async (bench) => {
    const path = bench.swu({ files: [bench.file(data)] });
    const args = ['-p', 'false', ...swupdateArgs(bench.keys.certificate)];
    const verdict = await install(bench, path, { args });
    assert.is(verdict.kind, 'installed');
    assert.match(verdict.kind === 'installed' ? verdict.description : '', /exited with 1/);
  }));

test('calls it installed when all is skipped because the device has it', () =>
  on(async (bench) => {
    const path = bench.swu({ files: [bench.file(data, { isIfDifferent: true })] });
    writeFileSync(bench.versions, 'app 1.2.3\nkernel 6.1\n');
    const config = join(bench.directory, 'swupdate.cfg');
    writeFileSync(config, 'globals : { };\nversions : ( { name = "app"; version = "1.2.3"; } );\n');
    const args = ['-f', config, ...swupdateArgs(bench.keys.certificate)];
    assert.equal(await install(bench, path, { args }), {
      kind: 'installed',
      description:
        'installed already; SWUpdate: Found nothing to install; JSON File corrupted; ' +
        'no parser available to parse sw-description!; Compatible SW not found',
    });
    writeFileSync(bench.versions, 'app 1.2.2\n');
    assert.match(failure(await install(bench, path, { args })), /^install-failed: Found nothing/);
  }));

test('takes versions for no proof: a part of the update can have written them', () =>
  on(async (bench) => {
    const text = `#!/bin/sh\necho app 1.2.3 >${bench.versions}\n`;
    const script = { name: 'note.sh', text, type: 'postinstall' } as const;
    const path = bench.swu({ files: [bench.file(data)], scripts: [script] });
    writeFileSync(bench.versions, 'app 1.2.2\n');
    const installer = bench.installer();
    const prepared = await installer.prepare(bench.request(path));
    assert.ok(prepared.ok);
    assert.is((await installer.probe(bench.request(path), prepared.before)).kind, 'unknown');
    // SWUpdate's own success counts, and the description has the versions.
    const verdict = await installer.run(bench.request(path), prepared.before);
    assert.match(verdict.kind === 'installed' ? verdict.description : '', /has the versions/);
    const probed = await installer.probe(bench.request(path), prepared.before);
    assert.is(probed.kind, 'unknown');
    assert.match(probed.description, /has the versions .* may have written/);
  }));

const early = (bench: Bench, then: string) => {
  // The script runs before the files are installed, and writes the versions early.
  const text = `#!/bin/sh\necho app 1.2.3 >${bench.versions}\n${then}\n`;
  const script = { name: 'early.sh', text, type: 'preinstall' } as const;
  writeFileSync(bench.versions, 'app 1.2.2\n');
  return bench.swu({ files: [bench.file(data)], scripts: [script] });
};

/** SWUpdate runs a script as a child: kills the whole process group, like a power loss. */
const killed = 'kill -KILL -$(cut -d" " -f5 /proc/$$/stat)';

test('is cut, not installed, where it is killed after it wrote the versions', () =>
  on(async (bench) => {
    const verdict = await install(bench, early(bench, killed));
    assert.is(verdict.kind, 'interrupted');
    assert.is(bench.installed(), undefined);
  }));

test('has failed where it hangs until the time limit after it wrote the versions', () =>
  on(async (bench) => {
    const path = early(bench, 'sleep 600');
    const installer = bench.installer({ timeoutMs: 3_000 });
    const prepared = await installer.prepare(bench.request(path));
    assert.ok(prepared.ok);
    const verdict = await installer.run(bench.request(path), prepared.before);
    assert.match(failure(verdict), /did not end in time/);
  }));

test('has failed where a later attempt skips everything because of what the first one wrote', () =>
  on(async (bench) => {
    const config = join(bench.directory, 'swupdate.cfg');
    writeFileSync(config, 'globals : { };\nversions : ( { name = "app"; version = "1.2.3"; } );\n');
    const args = ['-f', config, ...swupdateArgs(bench.keys.certificate)];
    const path = bench.swu({ files: [bench.file(data, { isIfDifferent: true })] });
    writeFileSync(bench.versions, 'app 1.2.2\n');
    const installer = bench.installer({ args });
    const prepared = await installer.prepare(bench.request(path));
    assert.ok(prepared.ok);
    writeFileSync(bench.versions, 'app 1.2.3\n');
    const verdict = await installer.run(bench.request(path), prepared.before);
    assert.match(failure(verdict), /Found nothing to install/);
    // After that failure another offer does not count as installed either.
    const request = { ...bench.request(path), isTriedBefore: true };
    const again = await installer.prepare(request);
    assert.ok(again.ok);
    assert.match(failure(await installer.run(request, again.before)), /Found nothing to install/);
  }));

test('believes SWUpdate and no script that prints its words', () =>
  on(async (bench) => {
    const words = 'echo "SWUPDATE successful !"; echo "[INFO ] : SWUPDATE successful !"';
    const lie = `#!/bin/sh\n${words}; ${words} >&2\nexit 3\n`;
    const script = { name: 'lie.sh', text: lie, type: 'preinstall' } as const;
    const path = bench.swu({ files: [bench.file(data)], scripts: [script] });
    assert.match(failure(await install(bench, path)), /^install-failed: /);
  }));

test('installs below a folder whose path is too long for a socket', () =>
  on(async (bench) => {
    const path = bench.swu({ files: [bench.file(data)] });
    const workDirectory = join(bench.directory, 'w'.repeat(90), 'packages/1');
    mkdirSync(workDirectory, { recursive: true });
    const request = { ...bench.request(path), workDirectory };
    const installer = bench.installer();
    const prepared = await installer.prepare(request);
    assert.ok(prepared.ok);
    const verdict = await installer.run(request, prepared.before);
    assert.is(verdict.kind, 'installed', verdict.kind === 'failed' ? verdict.description : '');
    assert.is(bench.installed(), text);
    assert.equal(readdirSync(workDirectory), []);
  }));

test('works in the folder that is configured for it, and leaves nothing there', () =>
  on(async (bench) => {
    const workDirectory = join(bench.directory, 'elsewhere');
    mkdirSync(workDirectory);
    const text = `#!/bin/sh\necho "$0" >${bench.directory}/where\n`;
    const script = { name: 's.sh', text, type: 'postinstall' } as const;
    const path = bench.swu({ files: [bench.file(data)], scripts: [script] });
    const installer = bench.installer({ workDirectory });
    const prepared = await installer.prepare(bench.request(path));
    assert.ok(prepared.ok);
    assert.is((await installer.run(bench.request(path), prepared.before)).kind, 'installed');
    const where = readFileSync(join(bench.directory, 'where'), 'utf8');
    assert.ok(where.startsWith(`${workDirectory}/sota-agent-work/`), where);
    assert.equal(readdirSync(workDirectory), []);
  }));

for (const [what, obstacle] of [
  ['a file', (path: string) => writeFileSync(path, '')],
  ['a folder', (path: string) => mkdirSync(path)],
  ['a link to itself', (path: string) => symlinkSync(path, path)],
] as const) {
  test(`starts where ${what} stands at the place of a daemon's socket`, () =>
    on(async (bench) => {
      mkdirSync(bench.sockets, { recursive: true });
      obstacle(join(bench.sockets, 'sockinstctrl'));
      const path = bench.swu({ files: [bench.file(data)] });
      assert.is((await install(bench, path)).kind, 'installed');
    }));
}

for (const [check, kind] of [
  [['false'], 'not-installed'],
  [['true'], 'installed'],
] as const) {
  test(`lets the check decide also of one that outlived the agent (${check.join()})`, () =>
    on(async (bench) => {
      const [go, begun] = [join(bench.directory, 'go'), join(bench.directory, 'begun')];
      const text = `#!/bin/sh\necho >${begun}\nwhile [ ! -e ${go} ]; do sleep 0.05; done\n`;
      const script = { name: 's.sh', text, type: 'postinstall' } as const;
      const path = bench.swu({ files: [bench.file(data)], scripts: [script] });
      const request = bench.request(path);
      const folder = join(request.workDirectory, 'swupdate');
      mkdirSync(folder);
      const args = ['-l', '3', '-i', path, ...swupdateArgs(bench.keys.certificate)];
      const env = { PATH: process.env['PATH'], SOTA_PACKAGE_FILE: path, TMPDIR: folder };
      const orphan = spawn('swupdate', args, { env, stdio: 'ignore' });
      const ended = new Promise((done) => orphan.on('exit', done));
      await until('it to begin', () => existsSync(begun));
      const probing = bench.installer({ verifyCommand: check }).probe(request, '{}');
      writeFileSync(go, '');
      assert.is((await probing).kind, kind);
      await ended;
      assert.is(bench.installed(), data.toString('latin1'));
    }));
}

test('leaves a service that a script of the update started alone', () =>
  on(async (bench) => {
    const [go, done] = [join(bench.directory, 'go'), join(bench.directory, 'done')];
    const job = `while [ ! -e ${go} ]; do sleep 0.05; done; echo word; echo 1 > ${done}`;
    const detached = `#!/bin/sh\n(${job}) >/dev/null 2>&1 &\n`;
    const script = { name: 's.sh', text: detached, type: 'postinstall' } as const;
    const path = bench.swu({ files: [bench.file(data)], scripts: [script] });
    assert.is((await install(bench, path)).kind, 'installed');
    writeFileSync(go, '');
    await until('the service to finish', () => existsSync(done));
  }));

for (const code of ['EAGAIN', 'EMFILE', 'ENOMEM']) {
  test(`is busy, and has not failed, where no process can be started now (${code})`, async () => {
    const reason = `spawn ${code}`;
    const bench = createBench(({ program }) =>
      program === 'swupdate' ? Promise.resolve({ kind: 'not-started', code, reason }) : undefined,
    );
    try {
      const path = bench.swu({ files: [bench.file(data)] });
      assert.equal(await install(bench, path), { kind: 'busy', reason });
    } finally {
      bench.remove();
    }
  });
}

test('says that there is no space', () =>
  on(async (bench) => {
    mkdirSync(dirname(bench.target));
    symlinkSync('/dev/full', bench.target);
    const path = bench.swu({ files: [bench.file(data, { isInPlace: true })] });
    assert.match(failure(await install(bench, path)), /^disk-full: .*No space left/);
  }));

test('says that there is neither a daemon nor a program', () =>
  on(async (bench) => {
    const path = bench.swu({ files: [bench.file(data)] });
    const said = failure(await install(bench, path, { program: '/nowhere/swupdate' }));
    assert.match(said, /^install-failed: \/nowhere\/swupdate: .*ENOENT/);
  }));

all.run();
