// Tests random odd values, from a seed, for each configuration key of a transport. If the
// configuration accepts a value, the transport must open, call and close. A call may fail with a
// network code, but must not throw. All hosts are this machine.
import process from 'node:process';
import { readSettings } from '../../../../../src/config.ts';
import { createDisk } from '../../../../../src/host/disk.ts';
import { createTransport } from '../../../../../src/backends/rvi/transport/create.ts';
import { createRandom } from '../../../../support/prng.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { createFakeClock } from '../../../../support/control.ts';
import { createLogLines, createRecorder, freePort } from '../../../../support/transport.ts';
import { pause } from '../../../../support/idle.ts';
import type { CallResult } from '../../../../../src/backends/rvi/transport/transport.ts';

const test = suite('values that the configuration accepts');
const escaped: unknown[] = [];
const note = (thrown: unknown) => void escaped.push(thrown);
test.before(() => {
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
});
test.after(() => {
  process.off('unhandledRejection', note);
  process.off('uncaughtException', note);
});

const hosts = ['127.0.0.1', '127.1', '0x7f000001', '[::1]', '[::ffff:127.0.0.1]', '2130706433'];
const odd = [
  ...['%', '%zz', '%00', '%E4', '%f0%9f%98%80', '100%sure', 'ä', '😀', '\ud800', '\0', '\n', ' '],
  ...['"', "'", '\\', '#', '?', '&=', '..', '//', ';', '@', ':', '[', ']', '%5d', '{}', '^', '|'],
  ...['a'.repeat(2_000), '\u202e', '\ufeff', '<', '>', '`', '~', '*'],
];

type Values = { readonly [variable: string]: string };

function draw(seed: number, port: number): Values {
  const prng = createRandom(seed);
  const some = (upTo: number) =>
    Array.from({ length: prng.below(upTo + 1) }, () => odd[prng.below(odd.length)]).join('');
  const pick = (all: readonly string[]) => all[prng.below(all.length)] ?? '';
  const at = () => `${pick(hosts)}:${prng.below(8) === 0 ? pick(['0', '65536', '']) : port}`;
  const scheme = pick(['http', 'https', 'ws', 'wss', 'HTTP', 'Ws']);
  const user = () => (prng.below(2) === 0 ? '' : `me${some(2)}:pw${some(3)}@`);
  const values: Record<string, string> = {
    RVI_URL: `${scheme}://${prng.below(6) === 0 ? user() : ''}${at()}/${some(2)}`,
  };
  if (prng.below(2) === 0) values['RVI_PROXY'] = `${pick(['http', 'https'])}://${user()}${at()}`;
  if (!/^ws/i.test(scheme)) values['RVI_LISTEN'] = pick(['127.0.0.1:0', '[::1]:0', `127.1:${0}`]);
  if (prng.below(4) === 0) values['RVI_NETWORK_ADDRESS'] = `http://${at()}/${some(2)}`;
  if (prng.below(4) === 0) values['RVI_BACKEND'] = `genivi.org/${some(2)}x`;
  if (prng.below(8) === 0) values['RVI_TLS_CA'] = `/nowhere/${some(1)}`;
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`SOTA_AGENT_${name}`, value]),
  );
}

const nameOf = (result: CallResult) => (result.ok ? 'ok' : result.code);

async function used(values: Values): Promise<string> {
  const read = readSettings({ file: '', text: undefined, environment: values });
  if (!read.ok) return 'refused by config';
  const clock = createFakeClock();
  const ports = { clock, random: { unit: () => 0.5 }, log: createLogLines().log };
  const made = await createTransport({ ...ports, disk: createDisk() }, read.settings);
  // A missing file prevents the start; the error names it.
  if (!made.ok) return 'no transport';
  const recorder = createRecorder();
  made.value.open(recorder);
  const result = await made.value.call({ id: '1', text: '{"id":1}', timeLimitMs: 5_000 });
  await pause(3);
  await made.value.close();
  const told = recorder.events.join();
  assert.not.match(told, 'this agent failed', JSON.stringify(values));
  return nameOf(result);
}

test('never throw when they are used, and nothing of them escapes', async () => {
  const port = await freePort();
  const seen = new Map<string, number>();
  for (let seed = 1; seed <= 400; seed += 1) {
    const values = draw(seed, port);
    const code = await used(values);
    assert.is.not(code, 'internal', `seed ${seed}: ${JSON.stringify(values)}`);
    assert.equal(escaped, [], `seed ${seed}: ${JSON.stringify(values)}`);
    seen.set(code, (seen.get(code) ?? 0) + 1);
  }
  // Some values must be rejected by the configuration, and some by the network.
  assert.ok((seen.get('refused') ?? 0) > 40, JSON.stringify([...seen]));
  assert.ok((seen.get('refused by config') ?? 0) > 40, JSON.stringify([...seen]));
});

for (const [key, value] of [
  ['rvi.url', 'ws://127.0.0.1:8908/#part'],
  ['rvi.url', 'http://:pw@127.0.0.1:8901'],
  ['rvi.url', 'http://127.0.0.1:0'],
  ['rvi.url', 'http://[fe80::1%25eth0]:8901'],
  ['rvi.proxy', 'http://a%3ab:pw@127.0.0.1:3128'],
  ['rvi.proxy', 'http://127.0.0.1:0'],
  ['rvi.listen', '[::::]:9080'],
  ['rvi.listen', '...:9080'],
  ['rvi.backend', 'genivi.org/\u0000x'],
] as const) {
  test(`refuses ${key} = ${JSON.stringify(value)}, which nothing could use`, () => {
    const name = `SOTA_AGENT_${key.replaceAll('.', '_').toUpperCase()}`;
    const read = readSettings({ file: '', text: undefined, environment: { [name]: value } });
    assert.is(read.ok, false);
    assert.match(read.ok ? '' : JSON.stringify(read.errors), key);
  });
}

test.run();
