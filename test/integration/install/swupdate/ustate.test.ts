// Tests ustate in the boot environment. The boot loader's programs are fakes with the real output;
// SWUpdate is Debian's.
import { randomBytes } from 'node:crypto';
import { canMakeSwu, isProgram } from '../../../support/swu.ts';
import { assert, suite } from '../../../support/suite.ts';
import { createBench } from './bench.ts';
import type { Probe, InstallResult } from '../../../../src/install/installer.ts';
import type { RunRequest, RunResult } from '../../../../src/host/ports.ts';

const all = suite('SWUpdate and the boot environment');
const test = all.needs('swupdate, openssl, cpio', canMakeSwu() && isProgram('swupdate'));
const data = randomBytes(1_000);

type Found = { readonly verdict: InstallResult; readonly probe: Probe; readonly written: string[] };

/** `after`: the ustate that the update leaves; undefined: unchanged. */
async function install(before: string | undefined, after: string | undefined): Promise<Found> {
  let state = before;
  const written: string[] = [];
  const exited = (exitCode: number, stdout: string, stderr = ''): Promise<RunResult> =>
    Promise.resolve({ kind: 'exited', exitCode, stdout, stderr });
  const bench = createBench(({ program, args }: RunRequest) => {
    if (program === 'fw_printenv') {
      assert.equal(args, ['-n', 'ustate']);
      if (state !== undefined) return exited(0, `${state}\n`);
      return exited(1, '', '## Error: "ustate" not defined\n');
    }
    if (program === 'fw_setenv') {
      [, state] = args;
      written.push(args.join(' '));
      return exited(0, '');
    }
    if (program === 'swupdate') state = after ?? state;
    return undefined;
  });
  try {
    const installer = bench.installer();
    const path = bench.swu({ files: [bench.file(data)] });
    const prepared = await installer.prepare(bench.request(path));
    assert.ok(prepared.ok);
    const verdict = await installer.run(bench.request(path), prepared.before);
    const probe = await installer.probe(bench.request(path), prepared.before);
    return { verdict, probe, written };
  } finally {
    bench.remove();
  }
}

test('clears the mark of an earlier update, once, and takes the new one for proof', async () => {
  const { verdict, probe, written } = await install('1', '1');
  assert.equal(written, ['ustate 0']);
  assert.is(verdict.kind, 'installed');
  assert.match(verdict.kind === 'installed' ? verdict.description : '', /ustate is 1/);
  assert.is(probe.kind, 'installed');
});

test('writes nothing where there is no mark, or none that could mislead', async () => {
  for (const before of [undefined, '0']) {
    const { verdict, written } = await install(before, '1');
    assert.equal(written, []);
    assert.is(verdict.kind, 'installed');
  }
});

test('lets a mark of failure contradict an exit code of 0', async () => {
  const { verdict, probe } = await install('0', '3');
  assert.is(verdict.kind, 'failed');
  assert.equal(probe, { kind: 'not-installed', description: 'ustate is 3 (FAILED)' });
});

test('takes an update that leaves no mark at its word, but not after a cut', async () => {
  const { verdict, probe } = await install('1', undefined);
  assert.is(verdict.kind, 'installed');
  assert.equal(probe, { kind: 'not-installed', description: 'ustate is 0 (OK)' });
});

test('cannot tell after a cut where no boot environment ever had a mark', async () => {
  const { probe } = await install(undefined, undefined);
  assert.is(probe.kind, 'unknown');
});

all.run();
