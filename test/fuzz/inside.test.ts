// Tests the agent in this process against hostile input: 184 000 inputs from constant seeds, as
// `make fuzz` sends them, then inputs that broke the agent before. Last, the judge of the fuzzer
// gets wrong responses, which it must find.
import { assert, suite } from '../support/suite.ts';
import { createRandom } from '../support/prng.ts';
import { settle } from '../support/control.ts';
import { faultOf } from './answers.ts';
import { runCampaign } from './campaign.ts';
import { mutated } from './mutate.ts';
import { createRig } from './rig.ts';
import { callOf, messageOf } from './session.ts';
import { createWatchdog } from './watchdog.ts';

const test = suite('hostile input');

test('keeps all promises over 184 000 inputs, and memory bounded', async () => {
  const watchdog = createWatchdog();
  const { inputs, taken, refused, failure } = await runCampaign(1, 184_000, watchdog);
  watchdog.stop();
  assert.is(failure, undefined, failure);
  assert.is(inputs, 184_000);
  // Both outcomes occur: the mutations break neither all inputs nor none.
  assert.ok(taken > 36_000 && refused > 55_000, `${taken} taken, ${refused} refused`);
});

test('draws the same inputs from the same seed, and others from the next one', () => {
  const drawn = (seed: number) => {
    const prng = createRandom(seed);
    const next = () => mutated(prng, messageOf(prng, 'P3', false)).toString('hex');
    return Array.from({ length: 100 }, next);
  };
  assert.equal(drawn(7), drawn(7));
  assert.not.equal(drawn(7), drawn(8));
});

test('lives on after a notify of 130 000 entries that are none', async () => {
  const rig = await createRig(createRandom(1), 'P1');
  const good = { package: { name: 'good', version: '1' }, size: 1 };
  const packages = [good, ...Array.from({ length: 130_000 }, () => 0)];
  rig.deliver(Buffer.from(JSON.stringify(callOf(1, 'notify', { packages }))));
  await settle();
  await rig.clock.advance(100);
  assert.is(rig.told.crash, undefined);
  assert.is(rig.daemon.status().packages[0]?.id.name, 'good');
  await rig.end();
});

const taken = '{"jsonrpc":"2.0","id":1,"result":{"status":0}}';
const id = { name: 'a', version: '1' };
const checksum = '0'.repeat(40);

/** Inputs that an agent with a defect would accept. */
const wrong: readonly (readonly [string, unknown])[] = [
  ['start', { package: id, checksum, chunkscount: 32_769 }],
  ['start', { package: id, checksum: '0'.repeat(39), chunkscount: 1 }],
  ['chunk', { package: id, index: 0, bytes: '' }],
  ['chunk', { package: id, index: 2 ** 31, bytes: '' }],
  ['chunk', { package: id, index: 1.5, bytes: '' }],
  ['chunk', { package: id, index: 1, bytes: '!!!' }],
  ['chunk', { package: id, index: 1, bytes: 'A'.repeat(87_388) }],
  ['finish', { package: { name: '../x', version: '1' } }],
  ['finish', { package: { name: 'a', version: '\ud800' } }],
  ['finish', { package: { name: 'a'.repeat(256), version: '1' } }],
  ['abort', { package: { name: 'a' } }],
  ['notify', {}],
  ['start', { update_id: 'a/b', checksum, chunkscount: 1 }],
  ['finish', { update_id: 1, package: id }],
  ['abort', { update_id: '..' }],
  ['notify', { update_available: [] }],
  ['notify', { update_available: { update_id: '' } }],
  ['notify', { update: { update_id: 'a', signature: 'a'.repeat(8_193) } }],
  ['notify', { update_available: { update_id: 'a', signature: '\0' } }],
  ['reboot', {}],
];

for (const [service, body] of wrong) {
  const shown = JSON.stringify(body).slice(0, 80);
  test(`knows that ${service} ${shown} must not be taken`, () => {
    const data = Buffer.from(JSON.stringify(callOf(1, service, body)));
    assert.match(faultOf(data, taken) ?? '', /^taken, though/);
  });
}

test('knows an abort that names a package beside no update', () => {
  const body = { package: id, update_id: null };
  assert.is(faultOf(Buffer.from(JSON.stringify(callOf(1, 'abort', body))), taken), undefined);
});

test('knows an answer that is none', () => {
  const data = Buffer.from(JSON.stringify(callOf(1, 'getpackages', null)));
  assert.is(faultOf(data, taken), undefined);
  const bad = [undefined, '', '{}', taken.replace('1', '2'), taken.replace('0}', '1}')];
  for (const one of [...bad, taken.slice(0, -1), '{"jsonrpc":"2.0","id":1,"error":{"code":1}}']) {
    assert.is.not(faultOf(data, one), undefined, one);
  }
  const notification = Buffer.from('{"jsonrpc":"2.0","method":"services_available"}');
  assert.is(faultOf(notification, undefined), undefined);
  assert.is.not(faultOf(notification, taken), undefined);
});

test.run();
