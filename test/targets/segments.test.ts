// Tests the layout of the executables: what kernels and loaders compute from it, what the tools of
// binutils read, and that symbols and relocations are those of the Node.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { fileOf, targets } from './built.ts';
import { pinnedNode, tools } from './trimmed.ts';
import type { Segment } from './trimmed.ts';

const test = suite('the segments');
const [load, note, table] = [1, 4, 6];
const page = 65_536;
let folder = '';
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sota-segments-'));
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

function tableAt(program: Buffer): number {
  return program[4] === 2 ? Number(program.readBigUInt64LE(32)) : program.readUInt32LE(28);
}

const loadsOf = (segments: readonly Segment[]) => segments.filter(({ type }) => type === load);
const isIn = (address: number, bytes: number, one: Segment) =>
  address >= one.address && address + bytes <= one.address + one.bytes;

/** What is wrong with the address of the table, as a kernel computes it. */
function complaints(program: Buffer): readonly string[] {
  const segments = tools.readSegments(program);
  const [first] = loadsOf(segments);
  const own = segments.find(({ type }) => type === table);
  if (first === undefined || own === undefined) return ['no segment'];
  const offset = tableAt(program);
  // Kernels before 5.18 and qemu-user.
  const old = first.address - first.offset + offset;
  // Later kernels: from the segment with the table.
  const home = loadsOf(segments).find((one) => isIn(own.address, own.bytes, one));
  const recent = home && home.address - home.offset + offset;
  return [
    ...(own.offset === offset ? [] : ['the table is not where the header says']),
    ...(old === own.address ? [] : ['old kernels find another address']),
    ...(recent === own.address ? [] : ['kernels find another address']),
    ...(own.address % 8 === 0 ? [] : ['the table is not aligned']),
  ];
}

function readelf(path: string, ...options: readonly string[]): string {
  const settings = { encoding: 'utf8', env: { LC_ALL: 'C' }, maxBuffer: 1 << 28 } as const;
  return execFileSync('readelf', ['-W', ...options, path], { ...settings, stdio: 'pipe' });
}

/** The relocations: place, type, and name of the symbol. */
function relocationsOf(path: string): readonly string[] {
  const lines = readelf(path, '-r').matchAll(/^([0-9a-f]{8,}) +[0-9a-f]+ +(R_\S+)(?: .*)?$/gm);
  return [...lines].map(([line, at = '', type = '']) => {
    const name = / ([\w.]+(?:@\S+)?)(?: \+ [0-9a-f]+)?$/.exec(line)?.[1] ?? '';
    return `${at} ${type} ${name}`;
  });
}

type Symbols = { readonly needed: readonly string[]; readonly own: readonly string[] };

function symbolsOf(path: string): Symbols {
  const rows = [...readelf(path, '--dyn-syms').matchAll(/^ +\d+: (.*)$/gm)].map(([, row = '']) =>
    row.trim().split(/\s+/),
  );
  const named = rows.filter((row) => row.length > 6);
  const nameOf = (row: readonly string[]) => (row[6] ?? '').replace(/@.*/, '');
  const isNeeded = (row: readonly string[]) => row[5] === 'UND' || row[6]?.includes('@') === true;
  return {
    needed: named.filter(isNeeded).map(nameOf).sort(),
    own: named.filter((row) => !isNeeded(row)).map(nameOf),
  };
}

for (const target of targets) {
  const path = fileOf(target);
  const program = readFileSync(path);
  const segments = tools.readSegments(program);
  const node = pinnedNode(target);

  test(`${target}: every kernel finds the table of segments`, () => {
    assert.equal(complaints(program), []);
  });

  test(`${target}: a table behind a hole, or at another address, would be found`, () => {
    for (const [at, bytes] of [
      [program[4] === 2 ? 32 : 28, 8],
      [program[4] === 2 ? 32 : 28, page],
    ] as const) {
      const copy = Buffer.from(program);
      copy.writeUInt32LE(copy.readUInt32LE(at) + bytes, at);
      const found = complaints(copy);
      assert.ok(found.length > 0);
    }
  });

  test(`${target}: segments are in order, apart, and at pages that agree with the file`, () => {
    const loads = loadsOf(segments);
    for (const [at, one] of loads.entries()) {
      const before = loads[at - 1];
      assert.ok(before === undefined || before.address + before.memory <= one.address);
      assert.is((one.address - one.offset) % Math.max(one.align, 4_096), 0);
      assert.ok(one.offset + one.bytes <= program.length);
    }
    const holes = loads.length - loadsOf(tools.readSegments(node)).length;
    assert.ok(holes >= 2, `${holes} holes`);
  });

  test(`${target}: what remains of the Node has its address, and its bytes`, () => {
    const parts = loadsOf(segments);
    const homes = loadsOf(tools.readSegments(node));
    // The code, the writable data, and the end of the constants.
    for (const one of parts.filter(({ flags }) => (flags & 2) !== 0)) {
      const home = homes.find(({ address }) => address === one.address);
      assert.ok(home);
      assert.is(one.memory, home.memory);
    }
    const last = parts.findLast(({ flags }) => (flags & 2) === 0);
    assert.ok(last);
    const home = homes.find((one) => isIn(last.address, last.bytes, one));
    assert.ok(home);
    const from = home.offset + last.address - home.address;
    const tail = 1_000_000 > last.bytes ? last.bytes - page : 1_000_000;
    const end = from + last.bytes;
    const ends = last.offset + last.bytes;
    assert.ok(program.subarray(ends - tail, ends).equals(node.subarray(end - tail, end)));
  });

  test(`${target}: the notes of the Node remain, and the agent is a note`, () => {
    const notes = segments.filter(({ type }) => type === note);
    const before = tools.readSegments(node).filter(({ type }) => type === note);
    assert.is(notes.length, before.length + 1);
    const own = notes.at(-1);
    assert.is(
      program.toString('latin1', (own?.offset ?? 0) + 12, (own?.offset ?? 0) + 26),
      'NODE_SEA_BLOB\0',
    );
  });
}

for (const target of targets) {
  const path = fileOf(target);
  const node = pinnedNode(target);

  for (const [tool, option] of [
    ['readelf', '-aW'],
    ['objdump', '-hxT'],
    ['file', '-b'],
  ] as const) {
    test.needs(tool, hasProgram(tool))(`${target}: ${tool} has no complaint`, () => {
      const options = { encoding: 'utf8', env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' } } as const;
      const ran = spawnSync(tool, [option, path], { ...options, maxBuffer: 1 << 28 });
      assert.is(ran.stderr, '');
      assert.is(ran.status, 0);
      assert.not.match(ran.stdout, /warning|corrupt|out of range|<unknown>/i);
    });
  }

  test.needs('readelf', hasProgram('readelf'))(
    `${target}: needs the symbols of the Node, and exports none of V8, Node and ICU`,
    () => {
      const [before, after] = [join(folder, target), path];
      writeFileSync(before, node);
      assert.equal(relocationsOf(after), relocationsOf(before));
      assert.ok(relocationsOf(after).length > 300);
      const [old, own] = [symbolsOf(before), symbolsOf(after)];
      assert.equal(own.needed, old.needed);
      assert.ok(old.own.some((name) => name.startsWith('napi_')));
      // On armv7l, relocations of thread-local variables name two symbols of V8.
      const used = new Set(relocationsOf(after).map((line) => line.split(' ').at(-1)));
      const isOfNode = (name: string) => /^(?:napi_|uv_|SSL_|u_|_ZN2v8|_ZN4node)/.test(name);
      const left = own.own.filter((name) => isOfNode(name) && !used.has(name));
      assert.equal(left, []);
      assert.ok(own.own.includes('_IO_stdin_used'));
    },
  );
}

test.run();
