// Tests what a build does with the Node of an image instead of the pinned one: one that links the
// OpenSSL of the image, or was built without ICU. A few bytes imitate it.
// Also tests that the builder learns when the pinned Node gets no security fixes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { assert, suite } from '../support/suite.ts';
import { targetOf } from '../support/target.ts';
import { cache } from './tree.ts';
import { targets } from './built.ts';

type Blocker = { blockVariables(program: Buffer, version: string): Buffer };
type Notices = {
  noticeOfOpenssl(name: string, program: Buffer): string | undefined;
  noticeOfEnd(name: string, target: object, nowMs: number): string | undefined;
};

const root = process.env['SOTA_AGENT_ROOT'] ?? '.';
const at = (path: string) => pathToFileURL(join(root, path)).href;
const blocker: Blocker = await import(at('targets/block-env-vars.mjs'));
const notices: Notices = await import(at('targets/notices.mjs'));
const test = suite('the Node of an image');

const variables = [
  ...['NODE_OPTIONS', 'OPENSSL_CONF', 'OPENSSL_MODULES', 'OPENSSL_ENGINES', 'NODE_ICU_DATA'],
  ...['NODE_REPL_EXTERNAL_MODULE', 'NODE_COMPILE_CACHE', 'NODE_EXTRA_CA_CERTS'],
  ...['NODE_USE_SYSTEM_CA', 'NODE_REDIRECT_WARNINGS', '--icu-data-dir'],
];
const ofOpenssl = variables.filter((name) => name.startsWith('OPENSSL_'));
const version = '24.21.0';

/** Returns bytes with the texts that the build searches in a Node. */
const nodeOf = (...texts: readonly string[]) => Buffer.from(`\0${texts.join('\0')}\0`);
const except = (...missing: readonly string[]) =>
  variables.filter((name) => !missing.includes(name));

for (const target of targets) {
  test(`for ${target} is not the pinned one: that has its own OpenSSL`, () => {
    const { node } = targetOf(target);
    const program = readFileSync(join(cache, `${node.package}-${node.version}`, 'node'));
    assert.is(notices.noticeOfOpenssl(target, program), undefined);
  });

  test(`for ${target}: the date when the pinned Node ends is data of the target`, () => {
    const { node } = targetOf(target);
    assert.match(node.maintainedUntil, /^\d{4}-\d\d-\d\d$/);
    const end = Date.parse(node.maintainedUntil);
    assert.is(notices.noticeOfEnd(target, { node }, end - 1), undefined);
    assert.is(
      notices.noticeOfEnd(target, { node }, end),
      `${target}: the pinned Node ${node.version} has had no security fixes since ` +
        `${node.maintainedUntil}: give NODE= a maintained Node of your image, or use ` +
        `the script: docs/integrate/node.md`,
    );
  });
}

test('with the OpenSSL of the image: the build lists what that library reads', () => {
  const node = nodeOf(...except('OPENSSL_MODULES', 'OPENSSL_ENGINES'), 'libcrypto.so.3');
  const blocked = blocker.blockVariables(node, version);
  for (const name of variables.filter((text) => /^NODE_/.test(text))) {
    assert.not.ok(blocked.includes(name), name);
  }
  assert.is(
    notices.noticeOfOpenssl('linux-x', node),
    'linux-x: the OpenSSL of the image reads OPENSSL_CONF, OPENSSL_MODULES, OPENSSL_ENGINES: ' +
      'unset them where the agent is started, as targets/systemd and targets/init.d do',
  );
});

for (const name of ofOpenssl) {
  test(`with its own OpenSSL, but without ${name}: ends the build`, () => {
    const blocks = () => blocker.blockVariables(nodeOf(...except(name)), version);
    assert.throws(blocks, new RegExp(`cannot block ${name}: Node ${version} does not contain it`));
  });
}

test('with ICU, but without NODE_ICU_DATA: ends the build', () => {
  const blocks = () => blocker.blockVariables(nodeOf(...except('NODE_ICU_DATA')), version);
  assert.throws(blocks, /cannot block NODE_ICU_DATA/);
});

test('without ICU: has no NODE_ICU_DATA to block', () => {
  const node = nodeOf(...except('NODE_ICU_DATA', '--icu-data-dir'));
  assert.not.ok(blocker.blockVariables(node, version).includes('NODE_OPTIONS'));
});

test('units and init scripts unset what the OpenSSL of an image reads', () => {
  for (const file of [
    'systemd/sota-agent.service',
    'init.d/sota-agent',
    'init.d/sota-agent.procd',
  ]) {
    const text = readFileSync(join(root, 'targets', file), 'utf8');
    for (const name of ofOpenssl) {
      assert.match(text, new RegExp(`\\b${name}\\b`), file);
    }
  }
});

test.run();
