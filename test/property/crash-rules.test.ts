// Tests that no message of the agent crashes a node: all messages in each dialect of the node, with
// names, texts, clocks and time limits from a seed. The test compares each text with the rules that
// crash a node, and passes it to a fake 0.4 node whose link is down. The agent may refuse names of
// a peer and keys of the configuration. Every message that it sends must be harmless.
import { policy } from '../../src/agent/backend.ts';
import { createSender } from '../../src/backends/rvi/sender.ts';
import { readSettings } from '../../src/config.ts';

import { nodeDialects } from '../../src/backends/rvi/codec/node-dialect.ts';
import { bounded } from '../../src/install/program.ts';
import { readName, readText } from '../../src/backends/rvi/codec/fields.ts';
import { namesOf } from '../../src/backends/rvi/codec/sota.ts';
import { nameBytesMax } from '../../src/limits.ts';
import { crashesOf } from '../backend/crash-rules.ts';
import { createRviTongue } from '../backend/edge-rvi.ts';
import { createNode } from '../backend/node.ts';
import { createRandom } from '../support/prng.ts';
import { assert, suite } from '../support/suite.ts';
import { settle } from '../support/control.ts';
import { held, opened } from '../support/store.ts';
import type { Spelling } from '../backend/crash-rules.ts';
import type { RviEffect } from '../../src/backends/rvi/model.ts';
import type { PackageId } from '../../src/core/model.ts';
import type { Settings } from '../../src/settings.ts';
import type { Call, Transport } from '../../src/backends/rvi/transport/transport.ts';
import type { Prng } from '../support/prng.ts';

const test = suite('the corpus of what is said');
const spellings: readonly Spelling[] = ['jsonrpc', 'rvi-0.4', 'rvi-0.5'];
const builtMs = 1_700_000_000_000;
const letters = [
  'a',
  'Z',
  '9',
  '.',
  '-',
  '"',
  '\\',
  '/',
  '\u0000',
  '\n',
  '\u007f',
  'ü',
  '包',
  '\u2028',
  '{',
  '[',
  '\u{1f600}',
  '\ud83d',
  '\ude00',
  '\\ud83d\\ude00',
  '\ufffd',
  '\ufeff',
  ' ',
  '%s',
  '</script>',
] as const;
const textOf = (prng: Prng, lengthMax: number) =>
  Array.from({ length: prng.below(lengthMax) }, () => prng.pick(letters)).join('');

/** Returns a name that the decoder of a peer's names accepts. */
function nameOf(prng: Prng): string {
  const drawn = prng.chance(0.1) ? 'n'.repeat(255) : textOf(prng, 12);
  const name = readName(drawn, '', nameBytesMax);
  return name.ok ? name.value : 'plain';
}

const idOf = (prng: Prng): PackageId => ({ name: nameOf(prng), version: nameOf(prng) });
const listedOf = (prng: Prng): PackageId => ({ name: textOf(prng, 9), version: textOf(prng, 9) });

function serviceOf(prng: Prng, service: string): string {
  const name = readText(`${textOf(prng, 8)}/vin/V1/sota/${service}`, '', nameBytesMax);
  return name.ok ? name.value : `genivi.org/vin/V1/sota/${service}`;
}

function settingsOf(prng: Prng, dialect: Spelling): Settings {
  const timeout = prng.pick([1, 1.5, 90, 4_295, 7_200.25, 86_400]);
  const vin = prng.pick(['V', '1-2_3.4', 'x'.repeat(64)]);
  const url = dialect === 'jsonrpc' ? '' : 'url = "ws://127.0.0.1:8808"';
  const text =
    `[device]\nvin = "${vin}"\n[rvi]\n${url}\ntimeout = ${timeout}\ndialect = "${dialect}"\n` +
    `ack = "${prng.pick(['auto', 'full', 'tail'])}"\n`;
  const read = readSettings({ file: '', text, environment: {} });
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  return read.settings;
}

const days = 86_400_000;

function wallOf(prng: Prng): number {
  const spread = prng.unit() * prng.pick([1, 1_000, 5 * days, 400 * days]);
  return prng.pick([0, 0, builtMs, builtMs - days, 1_800_000_000_000, 2 ** 41]) + spread;
}

function sayingsOf(prng: Prng, id: PackageId): readonly RviEffect[] {
  // The output of an installer, bounded as in a report and raw.
  const printed = bounded(textOf(prng, 900));
  const description = prng.chance(0.5) ? printed : textOf(prng, 300);
  const report = { id, status: prng.chance(0.5), code: 'install-failed', description } as const;
  const packages = Array.from({ length: prng.below(20) }, () => listedOf(prng));
  return [
    { kind: 'register' },
    { kind: 'ack', id, empty: prng.chance(0.5) },
    { kind: 'request-start', id },
    { kind: 'report', report },
    { kind: 'send-inventory', packages },
  ];
}

type Said = { readonly texts: readonly string[]; readonly wallMs: number };

async function say(seed: number, dialect: Spelling): Promise<Said> {
  const prng = createRandom(seed);
  const id = idOf(prng);
  const count = 1 + prng.below(60);
  const chunks = Array.from({ length: prng.below(count + 1) }, (_, at) => held(at + 1));
  const state = policy.applyAll(policy.initial, [...opened(1, count, id), ...chunks]);
  const texts: string[] = [];
  const wallMs = wallOf(prng);
  const names = namesOf((service) => serviceOf(prng, service));
  const transport: Pick<Transport, 'call' | 'networkAddress'> = {
    networkAddress: dialect === 'jsonrpc' ? 'http://127.0.0.1:9080' : undefined,
    async call(call: Call) {
      texts.push(call.text);
      const service = serviceOf(prng, 'start');
      const answer = { status: 0, service, transaction_id: 1 };
      const text = JSON.stringify(
        dialect === 'jsonrpc' ? { jsonrpc: '2.0', id: 1, result: answer } : { id: 1, ...answer },
      );
      return { ok: true, text } as const;
    },
  };
  const speaker = createSender({
    clock: { nowMs: () => 0, wallMs: () => wallMs, after: () => () => undefined },
    settings: settingsOf(prng, dialect),
    transport: { ...transport, open: none, resume: none, close: async () => undefined },
    builtMs,
    state: () => ({ ...state, backend: { ...state.backend, ownServices: names, vin: 'V1' } }),
    submit: none,
  });
  for (const saying of sayingsOf(prng, id)) speaker.send(saying);
  await settle();
  return { texts, wallMs };
}

const none = () => undefined;

/** A fake node with its link down: then an invalid time limit crashes it (protocol 1.7, item 3). */
function createFragile(nowMs: number) {
  const node = createNode(
    { kind: '0.4', prefix: 'genivi.org/vin/V1', backend: [] },
    { nowMs: () => nowMs, after: () => none, onMessage: none, onRegistered: none },
  );
  const routeOf = () => ({ name: 'a', post: none });
  node.perform('register_service', { service: '/sota/notify' }, routeOf);
  const tongue = createRviTongue('0.4', node);
  return {
    hear: (text: string, spelling: Spelling) =>
      spelling === 'jsonrpc' ? node.call(text, routeOf) : tongue.hear(text, routeOf),
    isAlive: () => node.registered().includes('/sota/notify'),
  };
}

for (const spelling of spellings) {
  test(`nothing that is said in ${spelling} crashes a node, or is of no use to it`, async () => {
    assert.ok(nodeDialects[spelling]);
    let count = 0;
    for (let seed = 1; seed <= 400; seed++) {
      const { texts, wallMs } = await say(seed, spelling);
      const node = createFragile(wallMs + 5);
      for (const text of texts) {
        assert.equal(crashesOf(text, spelling, wallMs + 5), [], `seed ${seed}: ${text}`);
        if (spelling !== 'rvi-0.5') node.hear(text, spelling);
      }
      assert.ok(node.isAlive(), `seed ${seed}`);
      count += texts.length;
    }
    assert.ok(count >= 400 * 10, `${count} texts`);
  });
}

test.run();
