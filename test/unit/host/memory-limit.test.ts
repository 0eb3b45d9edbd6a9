// Tests which limit of memory is found, with the files that the kernel shows.
import { memoryLimit } from '../../../src/host/memory-limit.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('the limit of memory');

const given = (files: { readonly [path: string]: string }) =>
  memoryLimit((path) => (Object.hasOwn(files, path) ? files[path] : undefined));

test('is that of the group in version 2', () => {
  const files = {
    '/proc/self/cgroup': '0::/system.slice/sota-agent.service\n',
    '/sys/fs/cgroup/system.slice/sota-agent.service/memory.max': '67108864\n',
    '/sys/fs/cgroup/system.slice/memory.max': 'max\n',
  };
  const file = '/sys/fs/cgroup/system.slice/sota-agent.service/memory.max';
  assert.equal(given(files), { bytes: 67_108_864, file });
});

test('is the smallest of the groups above', () => {
  const files = {
    '/proc/self/cgroup': '0::/a/b\n',
    '/sys/fs/cgroup/a/b/memory.max': '67108864\n',
    '/sys/fs/cgroup/a/memory.max': '33554432\n',
    '/sys/fs/cgroup/memory.max': '134217728\n',
  };
  assert.equal(given(files), { bytes: 33_554_432, file: '/sys/fs/cgroup/a/memory.max' });
});

test('is found in version 1, alone and beside version 2, and where the root is the group', () => {
  const cgroup = '9:name=systemd:/\n4:cpu,memory:/docker/x:y\n0::/\n';
  const memory = '/sys/fs/cgroup/memory';
  const unlimited = '9223372036854771712\n';
  for (const [files, file] of [
    [{ [`${memory}/docker/x:y/memory.limit_in_bytes`]: '1000\n' }, `${memory}/docker/x:y`],
    [{ [`${memory}/memory.limit_in_bytes`]: '1000\n' }, memory],
    [
      {
        [`${memory}/docker/x:y/memory.limit_in_bytes`]: unlimited,
        [`${memory}/docker/memory.limit_in_bytes`]: '1000\n',
      },
      `${memory}/docker`,
    ],
  ] as const) {
    const found = given({ '/proc/self/cgroup': cgroup, ...files });
    assert.equal(found, { bytes: 1000, file: `${file}/memory.limit_in_bytes` });
  }
  const none = { '/proc/self/cgroup': cgroup, [`${memory}/memory.limit_in_bytes`]: unlimited };
  assert.is(given(none), undefined);
});

test('is none without files, with odd ones, and on this machine no error', () => {
  assert.is(given({}), undefined);
  assert.is(given({ '/proc/self/cgroup': '0::/a\n' }), undefined);
  for (const text of ['', 'max', '-1', '1e6', 'x', '12 34']) {
    const files = { '/proc/self/cgroup': '0::/a\n', '/sys/fs/cgroup/a/memory.max': text };
    assert.is(given(files), undefined, text);
  }
  assert.ok((memoryLimit()?.bytes ?? 1) > 0);
});

test.run();
