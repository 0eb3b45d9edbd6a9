// Tests that a message gives the same request whether its base64 is decoded from the received bytes
// or after JSON.parse. Random edits at the places that matter make messages that are almost right.
import { decodeMessage } from '../../../../../src/backends/rvi/codec/chunk-bytes.ts';
import { decodeIncoming } from '../../../../../src/backends/rvi/codec/jsonrpc.ts';
import { decodeRequest } from '../../../../../src/backends/rvi/codec/sota.ts';
import { hints } from '../../../../support/core.ts';
import { createRandom } from '../../../../support/prng.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { engine } from '../../../../support/store.ts';
import type { Incoming } from '../../../../../src/backends/rvi/codec/jsonrpc.ts';
import type { Prng } from '../../../../support/prng.ts';

const test = suite('the bytes of a chunk');

const update_id = '0fa1b2c3-0000-4000-8000-00000000beef';

function messageOf(body: object, id: unknown = 7): string {
  const params = { service_name: '/sota/chunk', parameters: [body] };
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'message', params });
}

/** The message as the agent understands it: the bytes as a list, so that they can be compared. */
function understood(incoming: Incoming): unknown {
  if (incoming.kind !== 'message') return incoming;
  const request = decodeRequest('chunk', incoming.parameters, hints);
  const data = request.ok && request.value.kind === 'chunk' ? [...request.value.data] : 'no chunk';
  return { id: incoming.id, service: incoming.service, request: { ...request, value: 0 }, data };
}

/** Both ways; `isFast`: the base64 was not parsed as JSON. */
function bothWays(message: Buffer) {
  const texts: string[] = [];
  const fast = decodeMessage((text) => {
    texts.push(text);
    return decodeIncoming(text);
  }, message);
  const isFast = texts.length === 1 && texts[0]?.includes('"bytes":"*"') === true;
  return { fast: understood(fast), slow: understood(decodeIncoming(message.toString())), isFast };
}

function same(message: Buffer): boolean {
  const { fast, slow, isFast } = bothWays(message);
  assert.equal(fast, slow, message.toString('latin1'));
  return isFast;
}

const bytesOf = (sizeBytes: number) => Buffer.alloc(sizeBytes, 'chunk').toString('base64');

test('are decoded from the received message, of every length and in each dialect', () => {
  for (let sizeBytes = 0; sizeBytes < 70; sizeBytes++) {
    const bytes = bytesOf(sizeBytes);
    assert.ok(same(Buffer.from(messageOf({ package: engine, index: 1, bytes }))));
    assert.ok(same(Buffer.from(messageOf({ index: 1, bytes, update_id }))));
    assert.ok(same(Buffer.from(messageOf({ bytes, index: 1, update_id }, 'é'))));
  }
  for (const sizeBytes of [65_536, 65_537, 65_539]) {
    same(Buffer.from(messageOf({ index: 1, bytes: bytesOf(sizeBytes), update_id })));
  }
});

test('that are not strict base64 are rejected with the same reason', () => {
  const bad = ['Q', 'QQ', 'QQ=', 'QQ===', 'QUI==', '=', '====', 'QQ==QUJD', 'QR==', 'QUJ='];
  for (const bytes of [...bad, ' QQ==', '!!!', 'AA==junk', 'Q_-=', 'ŁAAA', 'ÿAAA']) {
    assert.not(same(Buffer.from(messageOf({ package: engine, index: 1, bytes }))), bytes);
  }
  const at = messageOf({ package: engine, index: 1, bytes: 'AAAA' }).indexOf('AAAA');
  for (let code = 0; code < 256; code++) {
    for (let place = 0; place < 4; place++) {
      const message = Buffer.from(messageOf({ package: engine, index: 1, bytes: 'AAAA' }));
      message[at + place] = code;
      same(message);
    }
  }
});

test('belong to the body only if they are its member', () => {
  const rest = { package: engine, index: 1 };
  const odd = [
    messageOf({ ...rest, 'k"bytes': 'AAAA' }),
    messageOf({ ...rest, other: { bytes: 'AAAA' } }),
    messageOf(rest, { bytes: 'AAAA' }),
    messageOf({ ...rest, bytes: 'AAAA' }, { bytes: 'QQ==' }),
    messageOf({ ...rest, bytes: 'AAAA' }).replace('}]', ',"bytes":"QQ=="}]'),
    messageOf({ ...rest, bytes: 'AAAA' }).replace('}]', ',"bytes" : "*"}]'),
    messageOf({ ...rest, bytes: 'AAAA' }).replace('}]', ',"byt\\u0065s":"QQ=="}]'),
    messageOf({ ...rest, 'k"bytes': 'AAAA' }).replace('}]', ',"bytes" : "*"}]'),
    messageOf({ ...rest, 'k"bytes': 'AAAA' }).replace('}]', ',"bytes" : "\\u002a"}]'),
    messageOf({ other: { bytes: 'AAAA' }, ...rest }).replace('}]', ',"bytes" : "\\u002a"}]'),
    messageOf({ ...rest, other: { bytes: 'AAAA' } }).replace('[{', '[{"bytes" : "\\u002a",'),
    messageOf({ ...rest, other: { bytes: 'AAAA' } }).replace('[{', '[{"bytes" : "*",'),
    messageOf({ ...rest, bytes: JSON.stringify('AAAA') }),
    messageOf({ bytes: '1234' }),
  ];
  for (const text of odd) same(Buffer.from(text));
});

const pieces = ['"bytes":"', '"bytes"', '"', '\\', '*', ',', '{', '}', ':', '=', '-', '_', ' '];
const odder = ['é', 'Ł', '\ufeff', 'A', '4', 'null', '\\u002a', '"bytes" : "QQ=="', '"id":1', '\n'];

function edited(prng: Prng, text: string): Buffer {
  let now = text;
  for (let edits = prng.below(4); edits >= 0; edits--) {
    // Most edits are near the member, where they matter.
    const near = Math.max(0, now.indexOf('"bytes'));
    const at = prng.chance(0.7) ? near + prng.below(20) : prng.below(now.length + 1);
    const piece = prng.chance(0.3) ? '' : prng.pick(['A', ...pieces, ...odder]);
    now = now.slice(0, at) + piece + now.slice(at + prng.below(3));
  }
  const message = Buffer.from(now);
  if (prng.chance(0.1)) message[prng.below(message.length)] = prng.below(256);
  return message;
}

test('give the same request after random edits of the message', () => {
  const prng = createRandom(12);
  let fastCount = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = bytesOf(prng.below(8));
    const body = prng.chance(0.5) ? { package: engine, bytes } : { update_id, bytes };
    if (same(edited(prng, messageOf({ index: 1, ...body })))) fastCount += 1;
  }
  assert.ok(fastCount > 1_000, `only ${fastCount} of the edited messages are decoded in place`);
});

test.run();
