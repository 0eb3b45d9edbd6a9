// Method: every link of a page leads to a file of the tree, its anchor to a heading there. Every
// page of docs is linked from another one.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { assert, suite } from '../support/suite.ts';
import { anchorsOf, linksOf, pagesOfTree } from './markdown.ts';

const test = suite('the links of the pages');
const read = (path: string) => readFileSync(path, 'utf8');

/** Pages that are made by other parts of this change; each is checked as soon as it exists. */
const pending: ReadonlySet<string> = new Set([
  ...['configuration', 'log-codes', 'status-json', 'exit-codes', 'limits', 'control-socket'].map(
    (name) => `docs/reference/${name}.md`,
  ),
  'docs/internals/protocol.md',
  'docs/internals/installers.md',
]);

/** Returns what is wrong with the links of a page. */
function broken(page: string, text: string): readonly string[] {
  return linksOf(text).flatMap((link) => {
    const [file = '', anchor] = link.split('#');
    const path = file === '' ? page : join(dirname(page), file);
    if (path !== page && !existsSync(path)) {
      return pending.has(path) ? [] : [`${page}: ${link} leads to no file`];
    }
    if (path !== page && statSync(path).isDirectory()) return [`${page}: ${link} is a directory`];
    if (anchor === undefined) return [];
    const anchors = anchorsOf(path === page ? text : read(path));
    return anchors.has(anchor) ? [] : [`${page}: ${link} leads to no heading`];
  });
}

test('each link leads to a file, and its anchor to a heading', () => {
  const pages = pagesOfTree();
  assert.equal(
    pages.flatMap((page) => broken(page, read(page))),
    [],
  );
});

test('each page of docs is linked from another page', () => {
  const pages = pagesOfTree();
  const linked = new Set(
    pages.flatMap((page) =>
      linksOf(read(page)).map((link) => join(dirname(page), link.split('#')[0] ?? '')),
    ),
  );
  const alone = pages.filter((page) => page.startsWith('docs/') && !linked.has(page));
  // The tables move to the pages of docs/reference, and then this file is gone.
  assert.equal(
    alone.filter((page) => page !== 'docs/reference/README-tables.md'),
    [],
  );
});

test('finds a link to nothing, and an anchor of no heading', () => {
  const text = '# One `two`: (three)\n\n[a](#one-two-three) [b](https://x) `[c](d)`\n';
  assert.equal(broken('README.md', text), []);
  assert.match(broken('README.md', '[a](gone.md)').join(), /README\.md: gone\.md leads to no file/);
  assert.match(broken('README.md', '[a](#gone)').join(), /leads to no heading/);
  assert.match(broken('README.md', '[a](docs)').join(), /is a directory/);
  assert.match(broken('docs/x.md', '[a](../LICENSE) [b](LICENSE)').join(), /LICENSE leads to no/);
});

test.run();
