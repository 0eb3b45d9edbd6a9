// Tests that all files have the version of package.json: other places read it from there, or this
// test compares them. test/yocto/layer.test.ts compares the recipe names,
// test/targets/release.test.ts the recipe checksums.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, suite } from './support/suite.ts';

const test = suite('the version');
const { version, releaseDate } = JSON.parse(readFileSync('package.json', 'utf8'));
const isVersion = /^(\d+)\.(\d+)\.(\d+)$/;

test('is three numbers, with a date', () => {
  assert.match(version, isVersion);
  assert.match(releaseDate, /^20\d\d-\d\d-\d\d$/);
  assert.ok(Date.parse(releaseDate) > 0);
});

test('is that of package-lock.json', () => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  assert.equal([lock.version, lock.packages[''].version], [version, version]);
});

test('has changes: under "Unreleased" or under its own heading', () => {
  const headings = readFileSync('CHANGELOG.md', 'utf8').match(/^## .*/gm) ?? [];
  const isIts = (heading: string) => heading.startsWith(`## ${version}`);
  assert.ok(headings[0] === '## Unreleased' || isIts(headings[0] ?? ''), headings[0]);
});

/** Returns the code without comments: a comment may name the version that wrote a format. */
function codeOf(path: string): string {
  const text = readFileSync(path, 'utf8');
  return path.startsWith('src/') ? text.replace(/\/\/.*|\/\*[^]*?\*\//g, '') : text;
}

test('is not written into sources, man page, units or configuration', () => {
  const paths = ['src', 'targets'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name)),
  );
  const found = ['build.mjs', 'Makefile', 'README.md', ...paths]
    .filter((path) => !path.endsWith('sota-agent-release.inc'))
    .filter((path) => codeOf(path).includes(version));
  assert.equal(found, []);
});

test('of the measured figures is named, and was released or is the next one', () => {
  const page = readFileSync('docs/internals/measurements.md', 'utf8');
  const measured = /were measured with version (\S+)\. /.exec(page)?.[1] ?? '';
  const [own, other] = [version, measured].map((one) => isVersion.exec(one)?.slice(1).map(Number));
  assert.ok(own !== undefined && other !== undefined, measured);
  const at = own?.findIndex((part, index) => part !== other?.[index]) ?? -1;
  assert.ok(at < 0 || (own?.[at] ?? 0) > (other?.[at] ?? 0), measured);
});

test.run();
