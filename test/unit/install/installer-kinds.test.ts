// Tests that only the list of installers names them: the rest is derived from the list.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { knownKeys } from '../../../src/config.ts';
import { installerKinds, installerNames } from '../../../src/install/installers.ts';
import { selectByFormat } from '../../../src/install/select-installer.ts';
import { keyOfProperty } from '../../../src/install/settings-table.ts';
import { assert, suite } from '../../support/suite.ts';
import type { Setting } from '../../../src/install/settings-table.ts';

const test = suite('the list of installers');

test('each folder of src/install is an installer of its name', () => {
  const entries = readdirSync('src/install', { withFileTypes: true });
  const folders = entries.filter((one) => one.isDirectory()).map(({ name }) => name);
  assert.equal(folders.sort(), installerNames.toSorted());
});

test('only the last one takes every format', () => {
  const general = installerKinds.filter(({ format }) => format === undefined);
  assert.equal(general, [installerKinds.at(-1)]);
});

test('each setting is a key of the section, with a description for the reference', () => {
  for (const { name, settings } of installerKinds) {
    for (const [property, { description }] of Object.entries<Setting>(settings)) {
      const key = `installer.${name}.${keyOfProperty(property)}`;
      assert.ok(knownKeys().includes(key), key);
      assert.match(description, /^[A-Z].{5,}\.$/, key);
    }
  }
  assert.is(keyOfProperty('versionsFile'), 'versions_file');
});

for (const folder of ['src/core', 'src/config', 'src/agent', 'src/store', 'src/control']) {
  test(`${folder} names no installer`, () => {
    // "command" is also a word of other modules.
    const name = new RegExp(`'(${installerNames.filter((one) => one !== 'command').join('|')})'`);
    const paths = readdirSync(folder, { recursive: true }).map((path) => join(folder, `${path}`));
    const naming = paths
      .filter((path) => path.endsWith('.ts'))
      .filter((path) => name.test(readFileSync(path, 'utf8')));
    assert.equal(naming, []);
  });
}

test('one more installer is selected and named without any other change', () => {
  const rauc = { name: 'rauc', format: 'a RAUC bundle' };
  const kinds = [rauc, ...installerKinds];
  assert.equal(selectByFormat(kinds, ['rauc'], [rauc]), { ok: true, name: 'rauc' });
  const refused = selectByFormat(kinds, ['rauc'], []);
  assert.match(refused.ok ? '' : refused.reason, /neither a RAUC bundle nor an \.ipk nor a \.swu,/);
});

test.run();
