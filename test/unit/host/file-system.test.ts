// Tests the check of the file system with the types that statfs returns for FAT and others, and
// with the file systems of this machine.
import { checkFileSystem } from '../../../src/host/file-system.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('file systems');
const types = { ext4: 0xef53, f2fs: 0xf2f52010, ubifs: 0x24051905, tmpfs: 0x01021994 };

test('refuses FAT and exFAT, and says what to do', async () => {
  for (const [type, name] of [
    [0x4d44, 'FAT'],
    [0x2011bab0, 'exFAT'],
  ] as const) {
    const checked = await checkFileSystem('/boot/state', async () => type);
    assert.match(checked.ok ? '' : checked.reason, new RegExp(`is on an? ${name} file system`));
    assert.match(checked.ok ? '' : checked.reason, /set storage.dir to/);
  }
});

test('refuses file systems of the kernel, and says what to do', async () => {
  for (const [path, name] of [
    ['/proc/self/none/x', 'proc'],
    ['/sys/none', 'sysfs'],
  ] as const) {
    const checked = await checkFileSystem(path);
    assert.match(checked.ok ? '' : checked.reason, new RegExp(`${path} is on ${name}, which`));
    assert.match(checked.ok ? '' : checked.reason, /set storage.dir to a directory on ext4/);
  }
  for (const type of [0x63677270, 0x64626720, 0x1cd1, 0x74726163]) {
    assert.not.ok((await checkFileSystem('/x', async () => type)).ok);
  }
});

test('takes others', async () => {
  for (const type of Object.values(types)) {
    assert.ok((await checkFileSystem('/var/lib/agent', async () => type)).ok);
  }
  assert.ok((await checkFileSystem('/tmp')).ok);
});

test('looks above a directory that is to be made', async () => {
  const seen: string[] = [];
  const typeOf = async (path: string) => {
    seen.push(path);
    if (path !== '/media/card') throw new Error('ENOENT');
    return 0x4d44;
  };
  assert.not.ok((await checkFileSystem('/media/card/a/b', typeOf)).ok);
  assert.equal(seen, ['/media/card/a/b', '/media/card/a', '/media/card']);
  const none = () => Promise.reject(new Error('ENOSYS'));
  assert.ok((await checkFileSystem('/a/b', none)).ok);
});

test.run();
