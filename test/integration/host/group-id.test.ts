// Tests the lookup of a group id in group files that an administrator may write.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { groupId } from '../../../src/host/group-id.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('groups');
let file = '';
test.beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), 'sota-groups-')), 'group');
});
test.afterEach(() => rmSync(join(file, '..'), { recursive: true, force: true }));

const known = (value: number) => ({ ok: true, value });

test('finds a group by its name, between lines that are none', () => {
  const lines = ['# sota:x:1:', '', 'sota', 'sota:x:', 'sota:x:-1:', 'so:x:3:', 'sota:x:4:a,b'];
  writeFileSync(file, lines.join('\n'));
  assert.equal(groupId('sota', file), known(4));
  assert.equal(groupId('so', file), known(3));
  assert.equal(groupId('root'), known(0));
});

test('takes a number as it is, without the file', () => {
  assert.equal(groupId('987', file), known(987));
});

test('says what is missing: the group, or the file', () => {
  const missing = groupId('sota', file);
  assert.match(missing.ok ? '' : missing.reason, /cannot be read: .*ENOENT/);
  writeFileSync(file, 'sota2:x:4:\nx:sota:5:\n');
  assert.equal(groupId('sota', file), {
    ok: false,
    code: 'ENOENT',
    reason: `${file} has no group sota`,
  });
});

test.run();
