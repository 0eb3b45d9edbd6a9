// Tests the build in a copy of the tree: it is reproducible, and it rejects unsuitable Nodes. These
// are the pinned Node with a few changed bytes.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { hasProgram } from '../support/programs.ts';
import { makeGroup } from '../support/memory-group.ts';
import { assert, suite } from '../support/suite.ts';
import { targetOf } from '../support/target.ts';
import { fileOf, targets } from './built.ts';
import { cache, copyTree } from './tree.ts';
import { until } from '../support/idle.ts';

const test = suite('a build');
const needsMake = test.needs('make', hasProgram('make'));
let tree = '';
let folder = '';
test.before(() => {
  tree = copyTree('sota-build');
  folder = mkdtempSync(join(tmpdir(), 'sota-nodes-'));
});
test.after(() => {
  for (const path of [tree, folder]) rmSync(path, { recursive: true, force: true });
});

const pinned = (target: string) => {
  const { package: name, version } = targetOf(target).node;
  return join(cache, `${name}-${version}`, 'node');
};

type Env = { readonly [name: string]: string };

function make(target: string, env: Env) {
  const args = ['-s', `target-${target}`, ...Object.entries(env).map((pair) => pair.join('='))];
  const base = { PATH: process.env['PATH'], SOTA_AGENT_CACHE: cache, LC_ALL: 'C' };
  const ran = spawnSync('make', args, { cwd: tree, env: base, encoding: 'utf8' });
  return { isDone: ran.status === 0, said: `${ran.stdout}${ran.stderr}` };
}

/** Returns the pinned Node of x64 with these texts replaced. */
function changed(name: string, ...changes: readonly (readonly [from: string, to: string])[]) {
  const program = Buffer.from(readFileSync(pinned('linux-x64')));
  for (const [from, to] of changes) {
    assert.ok(program.includes(from, 0, 'latin1') && from.length === to.length, from);
    for (let at = 0; at !== -1; at = program.indexOf(from, at + 1, 'latin1')) {
      if (at > 0) program.write(to, at, 'latin1');
    }
  }
  const path = join(folder, name);
  writeFileSync(path, program, { mode: 0o755 });
  return path;
}

/** Empties the segment that names a loader. */
function unlinked(): string {
  const path = changed('static');
  const program = readFileSync(path);
  const [start, length] = [Number(program.readBigUInt64LE(32)), program.readUInt16LE(54)];
  for (let at = start; at < start + program.readUInt16LE(56) * length; at += length) {
    if (program.readUInt32LE(at) === 3) program.writeUInt32LE(0, at);
  }
  writeFileSync(path, program);
  return path;
}

function text(name: string): string {
  const path = join(folder, name);
  writeFileSync(path, '#!/bin/sh\nexec /usr/bin/node "$@"\n', { mode: 0o755 });
  return path;
}

const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const loader = '/lib64/ld-linux-x86-64.so.2';

const wrong: readonly (readonly [what: string, target: string, env: () => Env, said: RegExp])[] = [
  [
    'does not exist',
    'linux-arm64',
    () => ({ NODE: '/no/node' }),
    /linux-arm64: NODE=\/no\/node does not exist: give NODE=/,
  ],
  ['is a folder', 'linux-arm64', () => ({ NODE: '/usr' }), /NODE=\/usr is not a file: give NODE=/],
  ['is a script', 'linux-arm64', () => ({ NODE: text('wrapper') }), /wrapper is not a program/],
  [
    'is for another CPU',
    'linux-armv7l',
    () => ({ NODE: pinned('linux-x64') }),
    /is for x86-64, 64 bits: give NODE= the bin\/node of a Node for ARMv7, hard float/,
  ],
  [
    'is for musl',
    'linux-x64',
    () => ({ NODE: changed('musl', [loader, '/lib64/ld-musl-x86-64.so.1\0']) }),
    /is loaded by ld-musl-x86-64\.so\.1; needed: glibc, with the loader ld-linux-x86-64\.so\.2/,
  ],
  ['is static', 'linux-x64', () => ({ NODE: unlinked() }), /static is linked statically; needed/],
  ['is no Node', 'linux-x64', () => ({ NODE: '/bin/ls' }), /\/bin\/ls is not a Node: give NODE=/],
  [
    'is built without single executables',
    'linux-x64',
    () => ({ NODE: changed('unfused', [fuse, fuse.replace('SEA', 'SAE')]) }),
    /unfused was built with --disable-single-executable-application: give NODE=/,
  ],
  [
    'is a library with a small program',
    'linux-x64',
    () => ({ NODE: changed('shared', ['\0libpthread.so.0\0', '\0libnode.so.137\0\0']) }),
    /shared only starts libnode\.so; needed: a Node built without --shared: give NODE=/,
  ],
  [
    'is an agent already',
    'linux-x64',
    () => ({ NODE: fileOf('linux-x64') }),
    /sota-agent is a single executable already: give NODE=/,
  ],
  [
    'is older than 20.11',
    'linux-x64',
    () => ({ NODE: changed('old', [`v${targetOf('linux-x64').node.version}\0`, 'v18.20.4\0']) }),
    /old is Node 18\.20\.4; needed: 20\.11 or newer: give NODE=/,
  ],
  [
    'keeps a variable from being closed',
    'linux-x64',
    () => ({ NODE: changed('deaf', ['\0NODE_EXTRA_CA_CERTS\0', '\0NODE_EXTRA_CA_CERTZ\0']) }),
    /cannot block NODE_EXTRA_CA_CERTS: Node [\d.]+ does not contain it/,
  ],
  [
    'has a HOST_NODE of another version',
    'linux-armv7l',
    () => ({ NODE: pinned('linux-armv7l'), HOST_NODE: pinned('linux-x64') }),
    /linux-x64-\S+ is Node 24\S+, but 20\.11\.0 goes in: give HOST_NODE= a Node 20\.11\.0/,
  ],
  [
    'has a HOST_NODE that does not run',
    'linux-armv7l',
    () => ({ NODE: pinned('linux-armv7l'), HOST_NODE: '/no/node' }),
    /\/no\/node does not run here: give HOST_NODE=/,
  ],
];

for (const [what, target, env, said] of wrong) {
  needsMake(`that is given a Node which ${what} says so, and leaves what was there`, () => {
    const path = join(tree, 'build', target);
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path);
    for (const name of ['sota-agent', 'sota-agent.cdx.json']) writeFileSync(join(path, name), name);
    const made = make(target, env());
    assert.match(made.said, said);
    assert.is(made.said.trim().split('\n').length, 2, made.said);
    assert.not(made.isDone);
    assert.equal(readdirSync(path).sort(), ['sota-agent', 'sota-agent.cdx.json']);
    for (const name of readdirSync(path)) assert.is(readFileSync(join(path, name), 'utf8'), name);
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
  });
}

needsMake('that cannot run the Node of the target says what that costs, unless it must', () => {
  const target = 'linux-arm64';
  const made = make(target, { QEMU_LD_PREFIX: '/nonexistent' });
  assert.ok(made.isDone, made.said);
  const notice =
    'linux-arm64: no code cache: each start compiles the script, and takes longer and more ' +
    'memory: install qemu-user-static libstdc++6-arm64-cross\n';
  assert.match(made.said, notice);
  const path = join(tree, 'build', target, 'sota-agent');
  assert.ok(statSync(path).size < statSync(fileOf(target)).size - 500_000);
  rmSync(path);
  const failed = make(target, { QEMU_LD_PREFIX: '/nonexistent', CODE_CACHE: 'required' });
  assert.not(failed.isDone);
  assert.match(failed.said, `build: ${notice}`);
  assert.not(existsSync(path));
});

needsMake('that is given the pinned Node makes the same bytes as without', () => {
  const target = 'linux-armv7l';
  const made = make(target, { NODE: pinned(target) });
  assert.ok(made.isDone, made.said);
  const given = readFileSync(join(tree, 'build', target, 'sota-agent'));
  assert.ok(given.equals(readFileSync(fileOf(target))));
  assert.not.match(made.said, /security fixes/);
});

/**
 * Builds with another directory, clock, time zone, language and mask, and an otherwise empty
 * environment.
 */
function buildElsewhere(): string {
  const clock = join(folder, 'clock.cjs');
  const ahead = '4e10';
  writeFileSync(
    clock,
    `const { now } = Date; const Was = Date; const ahead = () => now() + ${ahead};
     globalThis.Date = class extends Was {
       constructor(...args) { super(...(args.length === 0 ? [ahead()] : args)); }
       static now() { return ahead(); }
     };`,
  );
  const env = {
    PATH: process.env['PATH'],
    SOTA_AGENT_CACHE: cache,
    NODE_OPTIONS: `--require=${clock}`,
    ...{ TZ: 'Asia/Tokyo', LC_ALL: 'tr_TR.UTF-8', HOME: '/', USER: 'somebody' },
  };
  const args = [join(tree, 'build.mjs'), ...targets];
  // The agent reads the limits of its control groups at the start, also in the warm-up.
  const outer = makeGroup(2 ** 35);
  const inner = outer && makeGroup(2 ** 34, outer);
  const enter = inner === undefined ? '' : `echo $$ >${inner.folder}/cgroup.procs;`;
  const script = `${enter} umask 077; cd /; exec "$0" "$@"`;
  const ran = spawnSync('sh', ['-c', script, process.execPath, ...args], { env, encoding: 'utf8' });
  for (const group of [inner, outer]) group?.end();
  assert.is(ran.status, 0, ran.stderr);
  return ran.stdout;
}

test('makes the same bytes elsewhere, at another time, for another user', () => {
  for (const name of targets) rmSync(join(tree, 'build', name), { recursive: true, force: true });
  const said = buildElsewhere();
  assert.match(said, /^linux-armv7l: the pinned Node 20\.11\.0 has had no security fixes since 2/m);
  for (const target of targets) {
    for (const name of ['sota-agent', 'sota-agent.cdx.json']) {
      const other = join(tree, 'build', target, name);
      assert.ok(existsSync(other), other);
      const isSame = readFileSync(other).equals(readFileSync(fileOf(target, name)));
      assert.ok(isSame, `${target}/${name}`);
    }
  }
});

test('that is interrupted leaves nothing unfinished behind', async () => {
  const where = join(tree, 'build/linux-x64');
  const left = () => readdirSync(where).filter((name) => name.startsWith('unfinished-'));
  mkdirSync(where, { recursive: true });
  const env = { PATH: process.env['PATH'], SOTA_AGENT_CACHE: cache };
  const building = spawn(process.execPath, ['build.mjs', 'linux-x64'], { cwd: tree, env });
  const ended = new Promise((done) => building.on('exit', done));
  await until('the build to begin', () => left().length > 0);
  building.kill('SIGTERM');
  assert.is(await ended, 1);
  assert.equal(left(), []);
});

test.run();
