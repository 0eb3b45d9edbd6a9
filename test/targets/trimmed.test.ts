// Tests what a Node can do after the build has removed parts of it, with a script in place of the
// agent, and that a Node with an unknown layout is rejected.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, suite } from '../support/suite.ts';
import { canRun, runOn, targets } from './built.ts';
import { executableOf, pinnedNode, tools } from './trimmed.ts';

const test = suite('a trimmed Node');
let folder = '';
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sota-trimmed-'));
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** What the agent, its packages, and the parts of Node that they call may use. */
const used: readonly (readonly [expression: string, value: string])[] = [
  ['new Date(1751364000000).toISOString()', '2025-07-01T10:00:00.000Z'],
  ['new Date(1751364000000).toUTCString()', 'Tue, 01 Jul 2025 10:00:00 GMT'],
  ["Date.parse('Jul  1 10:00:00 2025 GMT')", '1751364000000'],
  ['util.inspect({ at: new Date(0) })', '{ at: 1970-01-01T00:00:00.000Z }'],
  ["util.inspect(['\\u{1f600}', 'a'])", "[ '\u{1f600}', 'a' ]"],
  ["new URL('http://b\\u00fccher.de/\\u00e4').href", 'http://xn--bcher-kva.de/%C3%A4'],
  ["url.domainToASCII('espa\\u00f1ol.com')", 'xn--espaol-zwa.com'],
  ["'A\\u030a'.normalize().length", '1'],
  ["'\\u00c5'.normalize('NFD').length", '2'],
  ["/^\\p{L}+$/u.test('\\u00e4\\u4e2d')", 'true'],
  ["/\\u00e4/iu.test('\\u00c4')", 'true'],
  ["'\\u0130I'.toLowerCase().length", '3'],
  ["'stra\\u00dfe'.toUpperCase()", 'STRASSE'],
  ["new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from('\\u00e4'))", '\u00e4'],
  ["new TextDecoder().decode(Buffer.from('\\u00e4'))", '\u00e4'],
  ["fails(() => new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from([255])))", 'true'],
  ["Buffer.from('\\u00e4', 'utf16le').toString('latin1')", '\u00e4\0'],
  ["['b', '\\u00e4', 'a'].sort().join('')", 'ab\u00e4'],
  ["crypto.createHash('sha1').update('').digest('hex').slice(0, 8)", 'da39a3ee'],
  ["zlib.gunzipSync(zlib.gzipSync('x')).toString()", 'x'],
  ["typeof http.Agent + typeof require('node:https').request", 'functionfunction'],
];

const script = `
const [util, url, crypto, zlib, http] = ['util', 'url', 'crypto', 'zlib', 'http'].map(require);
const fails = (act) => { try { act(); } catch { return true; } return false; };
console.log(JSON.stringify([${used.map(([one]) => `String(${one})`).join(', ')}]));`;

for (const target of targets) {
  const runs = test.needs(`what runs ${target}`, canRun(target));
  for (const zone of ['Europe/Berlin', 'No/Such', '']) {
    runs(`${target} does what the agent uses, with TZ=${zone}`, async () => {
      const path = await executableOf(target, folder, script);
      const ran = runOn(target, path, [], { TZ: zone, LC_ALL: 'tr_TR.UTF-8' });
      assert.is(ran.exitCode, 0, ran.err);
      const found: readonly string[] = JSON.parse(ran.out);
      for (const [at, [expression, value]] of used.entries()) {
        assert.is(found[at], value, expression);
      }
    });
  }

  runs(`${target} without removed parts does the same`, async () => {
    const asItIs = (program: Buffer) => ({ program, unused: [] });
    const path = await executableOf(target, folder, script, asItIs);
    const ran = runOn(target, path, []);
    assert.is(ran.exitCode, 0, ran.err);
    assert.equal(
      JSON.parse(ran.out),
      used.map(([, value]) => value),
    );
  });
}

test.needs('x64', canRun('linux-x64'))('names the script that was removed', async () => {
  const removed = `require('node:module').stripTypeScriptTypes('let a: number = 1');`;
  const ran = runOn('linux-x64', await executableOf('linux-x64', folder, removed), []);
  assert.match(ran.err, /^Cannot find native builtin: "internal\/deps\/amaro\/dist\/index"\./m);
  assert.is(ran.out, '');
  assert.not.equal(ran.exitCode, 0);
});

const header = Buffer.from('da271400000000000200436d6e44', 'hex');

/** Returns the Node of armv7l with a change relative to the begin of its ICU package. */
function changed(change: (program: Buffer, at: number, toc: number) => void): Buffer {
  const program = Buffer.from(pinnedNode('linux-armv7l'));
  const at = program.indexOf(header) - 2;
  assert.ok(at > 0);
  change(program, at, at + program.readUInt16LE(at));
  return program;
}

const unknown: readonly (readonly [what: string, program: () => Buffer, said: RegExp])[] = [
  [
    'a second package',
    () => changed((program, at) => void header.copy(program, at + 1_000_002)),
    /there are two packages/,
  ],
  [
    'a header of another length',
    () => changed((program, at) => void program.writeUInt16LE(33, at)),
    /a header of 33/,
  ],
  [
    'no table',
    () => changed((program, _, toc) => void program.writeUInt32LE(0, toc)),
    /a table of 0 items/,
  ],
  [
    'items in another order',
    () => changed((program, _, toc) => void program.copyWithin(toc + 12, toc + 4, toc + 8)),
    /item 1 is "icudt73l\/\S+"/,
  ],
  [
    'an item that is somewhere else',
    () =>
      changed((program, _, toc) => {
        program.writeUInt32LE(program.readUInt32LE(toc + 16) + 16, toc + 16);
      }),
    /"icudt73l\/\S+" is at \d+/,
  ],
  [
    'no list of converters',
    () =>
      changed((program, at) => {
        program.write('cnvaliaz', program.indexOf('cnvalias.icu', at, 'latin1'), 'latin1');
      }),
    /no usable cnvalias\.icu/,
  ],
];

for (const [what, program, said] of unknown) {
  test(`is not made of a Node with ${what} in its ICU data`, () => {
    const made = () => tools.trimIcu(program(), '20.11.0');
    assert.throws(made, /^cannot remove the ICU data of Node 20\.11\.0: /);
    assert.throws(made, said);
    assert.throws(made, /: give NODE= a Node built with --without-intl$/);
  });
}

test('is the Node itself where there are no ICU data', () => {
  const program = changed((one, at) => void one.write('CmnX', at + 12, 'latin1'));
  const made = tools.trimIcu(program, '20.11.0');
  assert.ok(made.program.equals(program));
  assert.equal(made.unused, []);
});

test('names what was removed', () => {
  for (const target of targets) {
    const { removed } = tools.trim(tools.stripped(pinnedNode(target)), 'x');
    const components = removed.flatMap((one) => one.components);
    // Node 20 has no amaro.
    const amaro = target === 'linux-armv7l' ? [] : ['amaro'];
    assert.equal(components, [...amaro, 'cldr', 'tz']);
    const stem = join(process.env['SOTA_AGENT_ROOT'] ?? '.', 'build', target, 'sota-agent');
    const bom = JSON.parse(readFileSync(`${stem}.cdx.json`, 'utf8'));
    const excluded = bom.components.filter((one: { scope?: string }) => one.scope === 'excluded');
    const names = excluded.map((one: { name: string }) => one.name);
    assert.equal(names, [...amaro, 'cldr', 'tzdata']);
  }
});

test.run();
