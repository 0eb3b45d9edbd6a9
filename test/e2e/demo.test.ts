// Tests `make demo` with a small package and its output in a pipe: its last lines, and that it
// fails when it should.
import { spawn } from 'node:child_process';
import process from 'node:process';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('the demo');
const tools = ['swupdate', 'openssl', 'cpio'];
const demo = test.needs(tools.join(', '), tools.every(hasProgram));

type Ended = { readonly exitCode: number | null; readonly out: string };

function runDemo(environment: { readonly [name: string]: string }): Promise<Ended> {
  const script = ['--script', 'test/demo/demo.ts', '--', '--mib', '2', '--chunk-ms', '5'];
  const child = spawn(process.execPath, ['test/run.mjs', ...script], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  return new Promise((resolve) => {
    child.on('close', (exitCode) => resolve({ exitCode, out }));
  });
}

demo('goes on after SIGKILL, installs, and ends with 0', async () => {
  const { exitCode, out } = await runDemo({});
  assert.match(out, /\*\* SIGKILL: the agent is gone. Acknowledged are the chunks up to \d+\n/);
  assert.match(out, /demo-app 2.0.0: \d+ of 33 chunks stored/);
  assert.match(out, /^ +sent again {3}65536 bytes of /m);
  assert.match(out, /^ +reported {5}success: /m);
  assert.match(out, /\nAll as expected\.\n+$/);
  assert.not.match(out, '\u001b', 'a pipe gets no escape codes');
  assert.is(exitCode, 0);
});

demo('says so and ends with 1 when the agent does not come up', async () => {
  const { exitCode, out } = await runDemo({ SOTA_AGENT_BIN: '/bin/false' });
  assert.match(out, /NOT as expected/);
  assert.is(exitCode, 1);
});

test.run();
