// Tests `rvi.path` in a configuration with valid and invalid values.
import { readSettings } from '../../src/config.ts';
import { configErrorText } from '../../src/config/print.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('config: rvi.path');

function read(rvi: string) {
  const found = readSettings({ file: 'c.toml', text: `[rvi]\n${rvi}\n`, environment: {} });
  const all = found.ok ? found.warnings : found.errors;
  const said = all.filter(({ key }) => key.startsWith('rvi.'));
  return { path: found.ok ? found.settings.rvi.path : undefined, said: said.map(configErrorText) };
}

const wanted = '"secret", or a path such as "/sota" of at most 255 plain characters';
for (const path of [
  '',
  'sota',
  'Secret',
  '//sota',
  '/sota//x',
  '/a/../b',
  '/..',
  '/./a',
  '/a?b',
  '/a#b',
  '/a b',
  '/ä',
  '/a%2fb',
  '/a\\b',
  'http://h/a',
  `/${'a'.repeat(255)}`,
]) {
  test(`refuses ${JSON.stringify(path).slice(0, 40)}`, () => {
    const { said } = read(`path = ${JSON.stringify(path)}`);
    assert.is(said.length, 1);
    assert.ok(said[0]?.startsWith('c.toml:2: rvi.path is "'), said[0]);
    assert.ok(said[0]?.endsWith(`: write ${wanted}`), said[0]);
  });
}

test('takes a fixed path, with a warning', () => {
  for (const path of ['/', '/sota', '/a/b-c_d.e/', `/${'a'.repeat(254)}`]) {
    assert.equal(read(`path = "${path}"`), {
      path,
      said: [
        'c.toml:2: rvi.path is fixed, so it can be guessed; the default "secret" is stronger: ' +
          'remove it, unless the node cannot keep a path',
      ],
    });
  }
});

test('takes the default without a word', () => {
  assert.equal(read(''), { path: 'secret', said: [] });
  assert.equal(read('path = "secret"'), { path: 'secret', said: [] });
});

test('refuses one beside a ws rvi.url', () => {
  assert.equal(read('path = "/x"\nurl = "ws://h"').said, [
    'c.toml:2: rvi.path has no effect with a ws or wss rvi.url: remove it, or set an http rvi.url',
  ]);
});

test.run();
