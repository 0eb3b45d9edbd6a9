// Tests the table "Interrupted installers" of docs/internals/testing.md: each test that the table
// names must exist.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { assert, suite } from '../support/suite.ts';

const test = suite('the table of interrupted installers');
const root = process.env['SOTA_AGENT_ROOT'] ?? '';
const read = (path: string) => readFileSync(join(root, 'test', path), 'utf8');
const page = readFileSync(join(root, 'docs/internals/testing.md'), 'utf8');
const [, section = ''] = page.split('## Interrupted installers\n');
const rows = (section.split('\n## ')[0] ?? '').split('\n').flatMap((line) => {
  const [, file, title] = /\| (\S+): `([^|]+)` \|$/.exec(line) ?? [];
  return file === undefined || title === undefined ? [] : [{ file: `${file}.test.ts`, title }];
});
const inSource = (title: string) => title.replace(/<(\w+)>/g, '${$1}');

test('each row names a test that is there', () => {
  assert.ok(rows.length >= 30, String(rows.length));
  const missing = rows.filter(({ file, title }) => !read(file).includes(inSource(title)));
  assert.equal(missing, []);
});

test('each test that cuts an installer under the built agent has a row', () => {
  for (const name of ['opkg', 'swupdate', 'swupdate-daemon', 'command']) {
    const file = `e2e/${name}-interrupted.test.ts`;
    const found = read(file).matchAll(/\btest\(\s*(['`])(.+?)\1/g);
    const titles = [...found].map(([, , title]) => title);
    const known = rows.filter((row) => row.file === file).map(({ title }) => inSource(title));
    assert.equal(titles.sort(), known.sort());
  }
});

test.run();
