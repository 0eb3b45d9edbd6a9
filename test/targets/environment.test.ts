// Tests that the environment is harmless: a user who can set variables (a drop-in of a unit,
// /etc/environment) must not make the agent run other code, trust other certificates or write
// elsewhere. One start has all variables that Node would use; each points to something that leaves
// a trace.
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { assert, suite } from '../support/suite.ts';
import { canRun, fileOf, runOn, targets } from './built.ts';

const test = suite('the environment');
let folder = '';
let evil = '';
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sota-'));
  evil = join(folder, 'evil.cjs');
  const trace = JSON.stringify(join(folder, 'evil was here'));
  writeFileSync(evil, `require('node:fs').writeFileSync(${trace}, '');`);
  // If the library cannot be loaded, OpenSSL reports it on stderr and Node ends.
  const openssl = ['nodejs_conf = a', 'openssl_conf = a', '[a]', 'engines = b', '[b]', 'evil = c'];
  openssl.push('[c]', 'engine_id = evil', `dynamic_path = ${folder}/evil.so`, 'init = 1', '');
  writeFileSync(join(folder, 'openssl.cnf'), openssl.join('\n'));
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

const variables = (): readonly (readonly [name: string, value: string])[] => [
  ['NODE_OPTIONS', `--require ${evil}`],
  ['NODE_OPTIONS', '--inspect-brk=127.0.0.1:0'],
  ['NODE_OPTIONS', '--title=--is-read'],
  ['NODE_REPL_EXTERNAL_MODULE', evil],
  ['OPENSSL_CONF', join(folder, 'openssl.cnf')],
  ['NODE_COMPILE_CACHE', join(folder, 'compiled')],
  ['NODE_EXTRA_CA_CERTS', join(folder, 'none.pem')],
  ['NODE_REDIRECT_WARNINGS', join(folder, 'warnings')],
  ['NODE_ICU_DATA', folder],
  ['LC_ALL', 'abcdefgh-'.repeat(500)],
  ['LC_MESSAGES', 'abcdefgh-'.repeat(500)],
  ['LANG', 'abcdefgh-'.repeat(500)],
  ['NODE_PATH', folder],
  ['NODE_PENDING_DEPRECATION', '1'],
  ['SSLKEYLOGFILE', join(folder, 'keys')],
];

for (const target of targets) {
  const runs = test.needs(`what runs ${target}`, canRun(target));
  for (const [at, [name]] of variables().entries()) {
    runs(`${target} does not listen to ${name} (${at + 1})`, () => {
      const value = variables()[at]?.[1] ?? '';
      const ran = runOn(target, fileOf(target), ['version'], { [name]: value });
      assert.is(ran.err, '');
      assert.match(ran.out, /^sota-agent \d+\.\d+\.\d+\n$/);
      assert.is(ran.exitCode, 0);
      assert.equal(readdirSync(folder).sort(), ['evil.cjs', 'openssl.cnf']);
    });
  }
}

test.needs('x64', canRun('linux-x64'))('a Node that is left as it is does run such code', () => {
  const env = { NODE_OPTIONS: `--require ${evil}` };
  const ran = runOn('linux-x64', process.execPath, ['-e', '0'], env);
  assert.is(ran.exitCode, 0);
  assert.ok(existsSync(join(folder, 'evil was here')));
});

test.run();
