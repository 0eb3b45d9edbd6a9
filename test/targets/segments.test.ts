// Tests the layout of the executables: what kernels and loaders compute from it, what the tools of
// binutils read, and that symbols and relocations are those of the Node.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { fileOf, targets } from './built.ts';
import { complaints, disorder, load, loadsOf, note, notesOf, page, tableAt } from './layout.ts';
import { executableOf, pinnedNode, tools } from './trimmed.ts';
import type { Section, Segment } from './trimmed.ts';

const test = suite('the segments');
let folder = '';
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sota-segments-'));
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

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

  test(`${target}: segments and sections are in order, and in one segment each`, () => {
    assert.equal(disorder(program), []);
  });

  test(`${target}: an overlap, or a segment that is not at its page, would be found`, () => {
    const loads = loadsOf(segments);
    for (const [at, next] of loads.entries()) {
      const one = loads[at - 1];
      if (one === undefined) continue;
      for (const [change, said] of [
        [{ memory: next.address - one.address + 1 }, /overlaps/],
        [{ bytes: next.offset - one.offset + 1 }, /is not apart in the file/],
        [{ offset: one.offset + 4 }, /is not at its page/],
      ] as const) {
        const changed = segments.map((each) => (each === one ? { ...each, ...change } : each));
        const copy = Buffer.from(program);
        tools.segmentTable(program, changed).copy(copy, tableAt(program));
        assert.match(disorder(copy).join('; '), said);
      }
    }
  });
}

for (const target of targets) {
  const program = readFileSync(fileOf(target));
  const segments = tools.readSegments(program);
  const node = pinnedNode(target);

  test(`${target}: whole pages between segments are cut out`, () => {
    const loads = loadsOf(segments);
    for (const [at, one] of loads.entries()) {
      const before = loads[at - 1];
      const gap = before === undefined ? 0 : one.offset - before.offset - before.bytes;
      assert.ok(gap < page, `${gap} bytes before ${one.offset}`);
    }
    const homes = loadsOf(tools.readSegments(node));
    assert.ok(loads.length >= homes.length + 3, `${loads.length} segments`);
    // Postject makes some longer.
    const ends = loads.map(({ address, bytes }) => address + bytes);
    for (const { address, bytes } of homes) assert.ok(ends.includes(address + bytes));
  });

  test(`${target}: a Node with another layout is rejected`, () => {
    const isData = (one: Segment) => one.type === load && (one.flags & 2) !== 0;
    const [data, first] = [segments.find(isData), loadsOf(segments)[0]];
    for (const [one, change, unused, said] of [
      [data, { memory: 1 << 27 }, [], /: the segment at \d+ is not after the one at \d+: /],
      [first, { offset: page }, [], /: the first segment does not begin with the file: /],
      [first, {}, [{ from: 8, to: program.length }], /: the unused bytes are not in one segment: /],
      [first, {}, [{ from: 1_000, to: 2_000 }], /: the first unused bytes are too few: /],
    ] as const) {
      const changed = segments.map((each) => (each === one ? { ...each, ...change } : each));
      const copy = Buffer.from(program);
      tools.segmentTable(program, changed).copy(copy, tableAt(program));
      const made = () => tools.cut(copy, unused, '24.0.0');
      assert.throws(made, /^the layout of Node 24\.0\.0 is unknown: .*: give NODE= another build/);
      assert.throws(made, said);
    }
  });
}

for (const target of targets) {
  const program = readFileSync(fileOf(target));
  const segments = tools.readSegments(program);
  const node = pinnedNode(target);

  test(`${target}: what remains of the Node has its address, and its bytes`, () => {
    // A hole splits the constants; the build changes their first part.
    const names = ['.plt', '.text', '.eh_frame', '.init_array', '.data.rel.ro', '.got', '.data'];
    const [old, own] = [tools.readSections(node), tools.readSections(program)];
    const isSame = (one: Section, name: string) => one.name === name;
    const bytesOf = (file: Buffer, one: Section) =>
      file.subarray(one.offset, one.offset + one.bytes);
    for (const name of names) {
      const [before, after] = [old, own].map((all) => all.find((one) => isSame(one, name)));
      assert.ok(before && after, name);
      assert.is(after.address, before.address);
      assert.ok(bytesOf(program, after).equals(bytesOf(node, before)), name);
    }
    const constants = old.find((one) => isSame(one, '.rodata'));
    const last = own.findLast((one) => isSame(one, '.rodata'));
    assert.ok(constants && last);
    assert.is(last.address + last.bytes, constants.address + constants.bytes);
    // The names of the last items of ICU are in the hole, so this part is as it was.
    const [tail, whole] = [bytesOf(program, last), bytesOf(node, constants)];
    assert.ok(tail.length > page);
    assert.ok(tail.subarray(page).equals(whole.subarray(whole.length - tail.length + page)));
    const bss = [old, own].map((all) => all.find((one) => isSame(one, '.bss')));
    assert.is(bss[1]?.address, bss[0]?.address);
    const [before, after] = [tools.readSegments(node), segments].map((all) =>
      loadsOf(all).filter(({ flags }) => (flags & 2) !== 0),
    );
    assert.equal(
      after?.map(({ address, memory }) => [address, memory]),
      before?.map(({ address, memory }) => [address, memory]),
    );
  });

  test(`${target}: the notes of the Node remain, and the agent is a note`, () => {
    const [before, after] = [notesOf(node), notesOf(program)];
    assert.equal(after.slice(0, -1), before);
    assert.is(after.at(-1)?.name, 'NODE_SEA_BLOB\0');
    const sections = tools.readSections(program).filter(({ name }) => name.startsWith('.note'));
    assert.is(sections.length, after.length);
    assert.is(sections.at(-1)?.name, '.note.NODE_SEA_BLOB');
    const [own] = segments.filter(({ type }) => type === note);
    const first = sections[0];
    assert.equal([own?.offset, own?.address], [first?.offset, first?.address]);
  });

  test(`${target}: a Node from which nothing is removed has the same order`, async () => {
    const asItIs = (one: Buffer) => ({ program: one, unused: [] });
    const made = readFileSync(await executableOf(target, folder, '0', asItIs));
    assert.equal(complaints(made), []);
    assert.equal(disorder(made), []);
    assert.equal(notesOf(made).slice(0, -1), notesOf(node));
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
