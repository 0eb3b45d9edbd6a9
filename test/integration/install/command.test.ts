// Tests the command installer with real programs, and its descriptions with given results.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDisk } from '../../../src/host/disk.ts';
import { createRunner } from '../../../src/host/runner.ts';
import { createClock } from '../../../src/host/time.ts';
import { createCommand } from '../../../src/install/command/installer.ts';
import { bounded, resultSummary } from '../../../src/install/program.ts';
import { descriptionBytesMax } from '../../../src/limits.ts';
import { assert, suite } from '../../support/suite.ts';
import { requestIn } from '../../support/installers.ts';

const test = suite('command');
let directory = '';
test.before(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-command-'));
});
test.after(() => rmSync(directory, { recursive: true, force: true }));

function command(program: string, args: readonly string[] = [], timeoutMs = 60_000) {
  const ports = { disk: createDisk(), runner: createRunner(), clock: createClock() };
  return createCommand(ports, { timeoutMs, workDirectory: '', program, args });
}

const run = (script: string, timeoutMs?: number) =>
  command('sh', ['-c', script], timeoutMs).run(requestIn(directory, Buffer.from('payload')), '{}');

test('gives the payload and its name in the environment, as they are', async () => {
  const all = join(directory, 'environment');
  const request = requestIn(directory, Buffer.from('payload'));
  const id = { name: '$(touch x) "ü\n', version: "1'; exit 1" };
  const script = `cat "$SOTA_PACKAGE_FILE"; env -0 >${all}`;
  const verdict = await command('sh', ['-c', script]).run({ ...request, id }, '{}');
  assert.is(verdict.kind, 'installed', JSON.stringify(verdict));
  const variables = readFileSync(all, 'utf8').split('\0');
  const own = variables.filter((one) => /^(SOTA_|PATH=|LANG=|HOME=|SOTA_AGENT)/.test(one)).sort();
  assert.equal(own, [
    'LANG=C',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    `SOTA_PACKAGE_FILE=${request.path}`,
    `SOTA_PACKAGE_NAME=${id.name}`,
    `SOTA_PACKAGE_VERSION=${id.version}`,
  ]);
});

test('exit 0 is done, and the report says that nothing else was asked', async () => {
  const verdict = await run('exit 0');
  assert.equal(verdict, {
    kind: 'installed',
    description: 'sh exited with 0; a command cannot be probed',
  });
});

test('exit 10 is a wish for a reboot', async () => {
  assert.is((await run('exit 10')).kind, 'reboot-required');
});

for (const [script, said] of [
  ['echo no space; echo left >&2; exit 1', /^sh exited with 1: no space\n\nleft$/],
  ['kill -KILL $$', /^sh was ended by SIGKILL$/],
  ['sleep 600', /^sh did not end in time$/],
] as const) {
  test(`'${script}' is a failure, with what it said`, async () => {
    const verdict = await run(script, 2_000);
    assert.is(verdict.kind === 'failed' && verdict.code, 'install-failed');
    assert.match(verdict.kind === 'failed' ? verdict.description : '', said);
  });
}

test('a program that is not there, or cannot get such a name, is a failure', async () => {
  const request = requestIn(directory, Buffer.from('payload'));
  assert.is((await command('/none').run(request, '{}')).kind, 'failed');
  const id = { name: 'a\0b', version: '1' };
  assert.is((await command('true').run({ ...request, id }, '{}')).kind, 'failed');
});

test('gets ready only with a program, cannot be asked afterwards, and lists nothing', async () => {
  const request = requestIn(directory, Buffer.from('payload'));
  assert.ok((await command('true').prepare(request)).ok);
  const none = await command('').prepare(request);
  assert.is(!none.ok && none.code, 'install-failed');
  assert.is((await command('true').probe(request, '{}')).kind, 'unknown');
  assert.equal(await command('true').list(), { ok: true, packages: [] });
});

test('a long output keeps its beginning and its end in a report', () => {
  const stdout = `first ${'ü'.repeat(5_000)}`;
  const stderr = `${'💥'.repeat(900)}last`;
  const text = resultSummary('p', { kind: 'exited', exitCode: 3, stdout, stderr });
  assert.ok(Buffer.byteLength(text) <= descriptionBytesMax);
  assert.match(text, /^p exited with 3: first ü+ … 💥+last$/u);
});

/** A lone surrogate does not survive the conversion to bytes and back. */
const isWellFormed = (text: string) => Buffer.from(text).toString() === text;

test('every cut of a text is well-formed and short enough', () => {
  for (let extra = 0; extra < 20; extra += 1) {
    for (const filling of ['a', 'ü', '€', '💥']) {
      const text = bounded('x'.repeat(extra) + filling.repeat(2_000));
      assert.ok(Buffer.byteLength(text) <= descriptionBytesMax);
      assert.ok(isWellFormed(text));
      assert.not.match(text, '\ufffd');
    }
  }
  assert.is(bounded('short'), 'short');
  assert.ok(isWellFormed(bounded('half \ud800')));
});

test.run();
