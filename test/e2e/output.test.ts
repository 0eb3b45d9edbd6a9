// Tests the commands with a stdout that cannot be written: `/dev/full`, which acts like a full
// disk, or a pipe without a reader. A command without its output has failed.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentPath, launcher, writeConfig } from '../support/agent.ts';
import { assert, suite } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import { within } from '../support/idle.ts';

const test = suite('output that does not get out');

function into(stdout: number | 'pipe', words: readonly string[]) {
  const [program = '', ...args] = [...launcher, agentPath(), ...words];
  const env = { PATH: process.env['PATH'] ?? '' };
  const child = spawn(program, args, { env, stdio: ['ignore', stdout, 'pipe'] });
  // The pipe has no reader before the command writes.
  child.stdout?.destroy();
  let err = '';
  child.stderr?.setEncoding('utf8').on('data', (more: string) => (err += more));
  type Ended = { readonly exitCode: number | null; readonly err: string };
  const ended = new Promise<Ended>((done) => {
    child.on('close', (exitCode) => done({ exitCode, err }));
  });
  return within(`the end of ${words.join(' ')}`, ended);
}

test('ends a command with 1 and one line that says why', async () => {
  const full = openSync('/dev/full', 'w');
  await withVehicle({}, async (vehicle) => {
    await vehicle.boot().logged(/ started /);
    for (const command of ['help', 'version', 'config', 'status', 'why', 'inventory', 'watch']) {
      const { exitCode, err: all } = await into(full, [command, '--config', vehicle.config]);
      // Ignores the warning that the installer checks no signature.
      const err = all.replace(/^warning: default: installer\.enabled .*\n/m, '');
      const line = 'sota-agent: cannot write to stdout: ENOSPC: no space left on device, write\n';
      assert.equal([command, exitCode, err], [command, 1, line]);
    }
  });
  closeSync(full);
});

test('ends a command in silence, as it would have, where its reader has left', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sota-'));
  const config = writeConfig(directory, {});
  for (const command of ['help', 'config']) {
    assert.equal(await into('pipe', [command, '--config', config]), { exitCode: 0, err: '' });
  }
  rmSync(directory, { recursive: true });
});

test.run();
