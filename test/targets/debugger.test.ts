// Tests that the build closes the debugger of Node, with bytes that imitate a Node, and with the
// first lines of the script as a shell and a Node read them. test/e2e/signals.test.ts shows that no
// debugger listens.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { assert, suite } from '../support/suite.ts';

type Blocker = {
  blockDebugger(program: Buffer, version: string, execArgv: readonly string[]): Buffer;
};

const root = process.env['SOTA_AGENT_ROOT'] ?? '.';
const blocker: Blocker = await import(pathToFileURL(join(root, 'targets/block-env-vars.mjs')).href);
const test = suite('the debugger of a build');
/** A message of a Node that has a debugger. */
const listens = 'Starting inspector on %s:%d failed';

test('stays closed by an argument, where the Node takes one from the executable', () => {
  const node = Buffer.from('x\0execArgvExtension\0 y\x00127.0.0.1\0');
  assert.ok(blocker.blockDebugger(node, '24.21.0', ['--disable-sigusr1']).equals(node));
});

for (const [what, text, execArgv] of [
  ['has no arguments', `x\x00127.0.0.1\0y 127.0.0.1 ${listens}`, []],
  ['does not hand them on', `x\x00127.0.0.1\0y 127.0.0.1 ${listens}`, ['--disable-sigusr1']],
] as const) {
  test(`gets an address of no machine where the executable ${what}`, () => {
    const made = blocker.blockDebugger(Buffer.from(text), '20.11.0', execArgv);
    assert.is(made.toString(), `x\x00240.0.0.1\0y 127.0.0.1 ${listens}`);
  });
}

test('ends the build where neither works', () => {
  assert.throws(
    () => blocker.blockDebugger(Buffer.from(`127.0.0.1 ${listens}`), '20.11.0', []),
    /the debugger of/,
  );
});

test('is not searched in a Node that was built without one', () => {
  const node = Buffer.from('x\x00127.0.0.1\0');
  assert.ok(blocker.blockDebugger(node, '20.11.0', []).equals(node));
});

test('of the script for other Nodes is told the same address by its first lines', () => {
  const source = readFileSync(join(root, 'targets/release.mjs'), 'utf8');
  const begin = /const begin = `([^`]*)`/.exec(source)?.[1]?.replaceAll('\\n', '\n') ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'sota-script-'));
  const script = join(folder, 'sota-agent');
  const body = `"use strict"; console.log(process.execArgv[0], process.argv.slice(2).join('|'))`;
  writeFileSync(script, begin + body);
  chmodSync(script, 0o755);
  const said = execFileSync(script, ['a b', '--c'], { encoding: 'utf8' });
  assert.is(said, '--inspect-port=240.0.0.1:9229 a b|--c\n');
  rmSync(folder, { recursive: true });
});

test.run();
