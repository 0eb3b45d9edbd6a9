// Tests that language and time zone of the environment change nothing: a session, the log, and the
// texts of commands. The executable has neither time zones nor languages.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackend, isReported } from '../backend/backend.ts';
import { packageOf } from '../backend/package.ts';
import { askAgent, startAgent, writeConfig } from '../support/agent.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('language and time zone');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

type Env = { readonly [name: string]: string };

const kinds: readonly (readonly [what: string, env: Env])[] = [
  ['Turkish', { LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' }],
  ['C', { LANG: 'C', LC_ALL: 'C' }],
  ['a language that does not exist', { LANG: 'xx_YY@zz', LC_ALL: '../../etc', LC_TIME: '\u00e4' }],
  ['a long language', { LC_ALL: 'a-'.repeat(2_000) }],
  ['a long language of messages', { LC_MESSAGES: 'abc'.repeat(99), LANG: 'a'.repeat(99) }],
  ['a zone with summer time', { TZ: 'Europe/Berlin' }],
  ['a zone as a rule', { TZ: 'XYZ-14:30ABC,M3.5.0,M10.5.0/3' }],
  ['a zone that is a path', { TZ: ':/garbage' }],
  ['a zone outside of the zones', { TZ: '../../../../etc/passwd' }],
  ['an empty zone', { TZ: '' }],
  ['a long zone', { TZ: 'A/'.repeat(20_000) }],
];

/** Replaces what differs between two runs. */
const settled = (text: string) =>
  text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME').replaceAll(directory, 'DIRECTORY');

async function textsOf(config: string, env: Env): Promise<readonly string[]> {
  const commands = [['help'], ['version'], ['run', '--help'], ['config', '--config', config]];
  const broken = join(directory, 'broken.toml');
  writeFileSync(broken, 'log = 1979-05-27T07:32:00\n[rvi]\nurl = 07:32:00\nlisten = 1979-05-27\n');
  const all = [...commands, ['config', '--config', broken]];
  const texts: string[] = [];
  for (const words of all) {
    const { exitCode, out, err } = await askAgent(words, env);
    texts.push(`${words.join(' ')}: ${exitCode}\n${out}\n${err}`);
  }
  return texts.map(settled);
}

for (const [what, env] of kinds) {
  test(`${what}: a session and its log`, async () => {
    const backend = createBackend({ transport: 'ws' });
    await backend.start();
    const one = packageOf({ name: 'hello', version: '1.2.3' }, randomBytes(70_000));
    const script = `cp "$SOTA_PACKAGE_FILE" ${directory}/installed`;
    const config = writeConfig(directory, {
      rvi: { url: backend.url },
      installer: { command: { program: 'sh', args: ['-c', script] } },
    });
    const fromMs = Date.now();
    const agent = startAgent(config, env);
    await backend.registered();
    backend.server.notify([one]);
    await backend.until('reported', (server) => isReported(server, one));
    assert.is(backend.server.outcomes[0]?.status, true);
    const installed = readFileSync(join(directory, 'installed'));
    assert.is(createHash('sha1').update(installed).digest('hex'), one.checksum);
    const status = await askAgent(['status', '--config', config], env);
    assert.is(status.exitCode, 0, status.err);
    assert.is(await agent.kill(), 0);
    await backend.stop();
    const times = [...agent.log().matchAll(/^(\d{4}-\S+) /gm)].map(([, time = '']) => time);
    for (const time of times) {
      assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.ok(Date.parse(time) >= fromMs && Date.parse(time) <= Date.now(), time);
    }
    assert.ok(times.length > 3, agent.log());
  });
}

test('the texts of commands are the same in each of them', async () => {
  const config = writeConfig(directory, { rvi: { url: 'ws://127.0.0.1:9' } });
  const plain = await textsOf(config, {});
  assert.ok(plain.some((text) => text.includes('07:32:00')));
  for (const [what, env] of kinds) assert.equal(await textsOf(config, env), plain, what);
});

test.run();
