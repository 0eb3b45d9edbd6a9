// Tests how the agent reads the output of opkg, which a fake runner prints.
import {
  createOpkgProgram,
  codeOf,
  isRefusedAsSame,
} from '../../../../src/install/opkg/opkg-cli.ts';
import { assert, suite } from '../../../support/suite.ts';
import { opkgSettings } from '../../../support/installers.ts';
import type { Runner } from '../../../../src/host/ports.ts';

const test = suite('opkg, asked');

/** Prints `pieces`; the result contains only `kept`. */
function saying(pieces: readonly string[], kept = pieces.join('')): Runner {
  return async ({ onOutput }) => {
    for (const piece of pieces) onOutput?.(piece);
    return { kind: 'exited', exitCode: 0, stdout: kept, stderr: '' };
  };
}

const act = (runner: Runner) => createOpkgProgram(runner, opkgSettings).act('/p', 'install', '/p');
const reported = async (said: string) => (await act(saying([said]))).reported;

for (const said of [
  'Write failed (errno=28)',
  "Warning when extracting archive entry './a': (errno=28)",
  'tar: write error: No space left on device',
  'NO SPACE LEFT ON DEVICE',
  'opkg: ENOSPC',
  'errno: 28',
  'errno 28',
  ' * pkg_get_available_blocks: Only have 12kb available on filesystem /, pkg x needs 90',
  'Only have 12 kb',
  'cp: Disk quota exceeded',
  'write() gave EDQUOT',
  'errno=122',
  'wfopen: filesystem full',
  'file system is full',
  'disk full',
  'not enough space on /',
  'Insufficient disk space',
  'short write',
  'Write failed',
]) {
  test(`hears of a full disk: ${said}`, async () => {
    assert.is((await reported(said)).isFull, true);
    assert.is(codeOf(await act(saying([said]))), 'disk-full');
  });
}

for (const said of [
  'Installing hello (1.28) on root.',
  'Installing enospc-test (28) on root.',
  'Write failed (errno=5)',
  'Write failed: Input/output error',
  'errno=281',
  'Configuring no-space.',
  'quota set, disk usage 28 %',
]) {
  test(`hears of no full disk: ${said}`, async () => {
    assert.is((await reported(said)).isFull, false);
  });
}

for (const [said, isError] of [
  ['Collected errors:\n * opkg_install_cmd: Cannot install package x.', true],
  ['Write failed (errno=5)', true],
  ['cat: /etc/x: Input/output error', true],
  ['sh: cannot create /etc/x: Read-only file system', true],
  ['error: could not open', true],
  ['Failed to connect to bus: No such file or directory', false],
  ['0 errors', false],
  ['uci: Entry not found', false],
] as const) {
  test(`hears of ${isError ? 'an' : 'no'} error: ${said.split('\n')[0]}`, async () => {
    assert.is((await reported(said)).isError, isError);
  });
}

test('hears words that come in pieces, and words that are not kept', async () => {
  const long = 'x'.repeat(5_000);
  const runner = saying([long, 'No space le', 'ft on dev', 'ice\n', long], 'head and tail');
  assert.is((await act(runner)).reported.isFull, true);
});

for (const [said, isSame] of [
  ["Refusing to load file 'x.ipk' as it matches the installed version of hello (1.0).", true],
  ['Package hello (1.0) installed in root is up to date.', true],
  ['Package libc (1.0) installed in root is up to date.\nInstalling hello (1.0)', false],
  ['Installing hello (1.0) on root.', false],
] as const) {
  test(`is refused as the same version, or not: ${said.split('\n')[0]}`, async () => {
    assert.is(isRefusedAsSame(await act(saying([said])), 'hello'), isSame);
  });
}

const list = 'Package hello (1) is installed on root and has these files:\n/a\n/b\t0100644\n\n';
for (const [said, exitCode, files] of [
  [list, 0, ['/a', '/b']],
  ['Package hello (1) is installed on root and has these files:\n', 0, []],
  [list, 255, []],
  [`${list}${'/c\n'.repeat(400_000)}`, 0, []],
] as const) {
  test(`lists ${files.length} files after ${said.length} characters and ${exitCode}`, async () => {
    const runner: Runner = async () => ({ kind: 'exited', exitCode, stdout: said, stderr: '' });
    assert.equal(await createOpkgProgram(runner, opkgSettings).files('hello'), files);
  });
}

test.run();
