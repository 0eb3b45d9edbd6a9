// Tests `make backend` with the built executable: follows the printed instructions with the
// configuration that it writes, until the report.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { startAgent } from '../support/agent.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('make backend');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

function runBackend(...args: readonly string[]) {
  const script = ['test/run.mjs', '--script', 'test/backend/main.ts', '--', ...args];
  const child = spawn(process.execPath, script, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  const said = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => (pattern.test(text) ? resolve() : undefined);
      child.stdout.on('data', look);
      child.on('exit', () => reject(new Error(`ended before ${String(pattern)}:\n${text}`)));
      look();
    });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => (text += more));
  }
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const end = () => {
    child.kill();
    return ended;
  };
  return { said, ended, end, text: () => text };
}

for (const transport of ['http', 'ws', 'rvi']) {
  test(`serves an agent that follows its first lines, over ${transport}`, async () => {
    const file = join(directory, 'hello world_1.2.3.bin');
    writeFileSync(file, randomBytes(100_000));
    const where = ['--port', '0', '--dir', directory];
    const backend = runBackend(file, '--transport', transport, ...where);
    await backend.said(/ run --config /);
    const agent = startAgent(join(directory, 'config.toml'));
    // A 0.4 node drops getpackages over its WebSocket (protocol 1.9).
    await backend.said(transport === 'rvi' ? /<- report/ : /<- packages/);
    assert.match(backend.text(), /<- report +hello world 1.2.3 {2}success: /);
    assert.ok(readFileSync(join(directory, 'installed')).equals(readFileSync(file)));
    await agent.kill();
    await backend.end();
  });
}

test('refuses what it cannot serve, with its usage', async () => {
  const backend = runBackend(join(directory, 'nothing'));
  assert.is(await backend.ended, 2);
  assert.match(backend.text(), /backend: there is no file .*nothing\nmake backend PACKAGE=FILE/);
});

test.run();
