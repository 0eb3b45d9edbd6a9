// Tests the check for foreign users on folders below a temporary one, with modes that other users
// could exploit.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { foreignOwner, socketExposure } from '../../../src/host/foreign-users.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('who else has a hand in the control socket');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-strangers-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const nobody = { file: undefined, folder: undefined, early: undefined };
const at = (path: string) => socketExposure(join(directory, path), directory);

test('finds nobody where all belongs to this user, and where nothing is there', () => {
  assert.equal(at('a/b/socket'), nobody);
  mkdirSync(join(directory, 'a'));
  assert.equal(at('a/socket'), nobody);
  writeFileSync(join(directory, 'a/socket'), '');
  symlinkSync('socket', join(directory, 'a/link'));
  symlinkSync('nowhere', join(directory, 'a/broken'));
  for (const name of ['socket', 'link', 'broken']) assert.equal(at(`a/${name}`), nobody);
  assert.is(foreignOwner(directory), undefined);
  assert.is(foreignOwner(join(directory, 'none')), undefined);
});

test('finds everybody who may write to the folder, or to one above it', () => {
  mkdirSync(join(directory, 'a'));
  for (const folder of [join(directory, 'a'), directory]) {
    const said = `${folder} is writable for every user`;
    const isAbove = folder === directory;
    chmodSync(folder, 0o777);
    const expected = { file: undefined, folder: said, early: isAbove ? undefined : said };
    assert.equal(at('a/socket'), expected);
    // With the sticky bit only the owner of a file can replace it. The first process that creates a
    // file owns it.
    chmodSync(folder, 0o1777);
    assert.equal(at('a/socket'), { ...expected, folder: undefined });
    chmodSync(folder, 0o755);
  }
});

test.run();
