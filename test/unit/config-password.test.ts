// Tests passwords in the configuration: the agent uses the password and prints a replacement.
import { readSettings } from '../../src/config.ts';
import { configErrorText, printEntries } from '../../src/config/print.ts';
import { assert, suite } from '../support/suite.ts';
import type { Configuration, Environment } from '../../src/config.ts';

const test = suite('passwords');

function read(text: string | undefined, environment: Environment = {}): Configuration {
  return readSettings({ file: 'c.toml', text, environment });
}

function good(text: string | undefined, environment: Environment = {}) {
  const configuration = read(text, environment);
  if (!configuration.ok) throw new Error(configuration.errors.map(configErrorText).join('\n'));
  return configuration;
}

function complaints(text: string): readonly string[] {
  const configuration = read(text);
  return configuration.ok ? [] : configuration.errors.map(configErrorText);
}

const proxies: readonly (readonly [spelt: string, shown: string])[] = [
  ['http://me:s3cret@proxy:3128', 'http://me:***@proxy:3128'],
  ['https://me:s3%40cret@proxy:3128/', 'https://me:***@proxy:3128/'],
  ['http://:s3cret@proxy', 'http://:***@proxy'],
  ['http:me:s3cret@proxy', 'http://me:***@proxy'],
  ['http://me:s3c:s3cret@proxy', 'http://me:***@proxy'],
  ['http://me@proxy:3128', 'http://me@proxy:3128'],
];

for (const [spelt, shown] of proxies) {
  test(`shows ${shown} without its password`, () => {
    for (const configuration of [
      good(`[rvi]\nproxy = "${spelt}"`),
      good(undefined, { SOTA_AGENT_RVI_PROXY: spelt }),
    ]) {
      const text = printEntries(configuration.entries);
      assert.match(text, `proxy = "${shown}"`);
      assert.not.match(text, 's3c');
      assert.ok(configuration.settings.rvi.proxy?.authorization !== undefined);
    }
  });
}

const wrongProxies = [
  '"http://me:s3cret@proxy:99999"',
  '"http://me:s3cret"',
  '"http://me:s3cret@"',
  '"me:s3cret@proxy:3128"',
  '"socks5://me:s3cret@proxy:1"',
  '"http://me:s3cret@:3128"',
  '"http://me:s3cret@pro xy"',
  '["http://me:s3cret@proxy"]',
  '{ url = "http://me:s3cret@p" }',
  '"mailto:me:s3cret@proxy"',
  '"http://me:s3/cret@proxy:80"',
  '"http://me:s3?cret@proxy"',
];

for (const wrong of wrongProxies) {
  test(`does not show the password of a proxy that is refused: ${wrong}`, () => {
    const [said = '', ...more] = complaints(`[rvi]\nproxy = ${wrong}`);
    assert.equal(more, []);
    assert.match(said, /^c.toml:2: rvi.proxy is .*write a URL such as "http:\/\/user:password@/);
    assert.not.match(said, /s3|cret/);
  });
}

test('does not show a password that is written at the wrong place', () => {
  for (const line of ['rvi = "http://me:s3cret@p"', 'rvi.url = "http://me:s3cret@p:1"']) {
    const said = complaints(line).join();
    assert.match(said, 'http://me:***@p');
    assert.not.match(said, 's3cret');
  }
});

test('does not take for a password what it prints instead of one', () => {
  assert.equal(complaints('[rvi]\nproxy = "http://me:***@proxy:3128"'), [
    'c.toml:2: rvi.proxy is "http://me:***@proxy:3128": ' +
      'write the password, which "config" prints as ***',
  ]);
});

test.run();
