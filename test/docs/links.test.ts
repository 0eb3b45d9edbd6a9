// Tests that another page links to every page of docs. citations.test.ts checks the targets of the
// links.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { assert, suite } from '../support/suite.ts';
import { pagesOfTree } from './markdown.ts';

const test = suite('the links of the pages');

type Page = { readonly path: string; readonly text: string };

/** Returns the pages of docs to which no other page links. */
function alone(pages: readonly Page[]): readonly string[] {
  const linked = new Set(
    pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\]\(([^)#\s]+)/g)]
        .map(([, target = '']) => join(dirname(path), target))
        .filter((target) => target !== path),
    ),
  );
  return pages.map(({ path }) => path).filter((path) => /^docs\//.test(path) && !linked.has(path));
}

test('each page of docs is linked from another page', () => {
  const pages = pagesOfTree().map((path) => ({ path, text: readFileSync(path, 'utf8') }));
  assert.ok(pages.length > 20);
  assert.equal(alone(pages), []);
});

test('finds a page without a link, and one that only links to itself', () => {
  const readme = { path: 'README.md', text: '[a](docs/a.md#b)' };
  const page = (name: string) => ({ path: `docs/${name}.md`, text: `[b](${name}.md)` });
  assert.equal(alone([readme, page('a')]), []);
  assert.equal(alone([readme, page('a'), page('b')]), ['docs/b.md']);
});

test.run();
