// Tests every field reader with valid values and with each kind of invalid value: the reason must
// contain the path, and no reader may throw.
import { createRandom } from '../../../../support/prng.ts';
import {
  readBase64,
  readCount,
  readList,
  readName,
  readObject,
  readSha1,
  readText,
  wellFormed,
} from '../../../../../src/backends/rvi/codec/fields.ts';
import { member } from '../../../../../src/schema.ts';
import { assert, suite } from '../../../../support/suite.ts';
import type { Read } from '../../../../../src/backends/rvi/codec/fields.ts';

const test = suite('fields');
const nothing = [undefined, null, NaN, () => 1];
const wrong: readonly unknown[] = [...nothing, true, 0, 1.5, '', 'x', [], [1], {}];
const isText = (value: unknown) => typeof value === 'string';
const isList = (value: unknown) => Array.isArray(value);

function refused(read: Read<unknown>, what: string): void {
  assert.not.ok(read.ok, what);
  assert.ok(read.ok || read.reason.startsWith('a.b: '), what);
}

test('each reader refuses every other type, and names the path', () => {
  for (const value of wrong) {
    const shown = String(value);
    if (!isText(value)) refused(readText(value, 'a.b', 9), shown);
    if (!isText(value)) refused(readName(value, 'a.b', 9), shown);
    refused(readSha1(value, 'a.b'), shown);
    if (!isText(value)) refused(readBase64(value, 'a.b', 9), shown);
    if (value !== 0) refused(readCount(value, 'a.b', 0, 9), shown);
    if (!isList(value)) refused(readList(value, 'a.b'), shown);
    const isObject = typeof value === 'object' && value !== null && !isList(value);
    if (!isObject) refused(readObject(value, 'a.b'), shown);
  }
});

test('a member is the own one of the object, never one that its prototype lends', () => {
  const parsed: unknown = JSON.parse('{"__proto__":{"x":1},"constructor":2}');
  const read = readObject(parsed, 'a');
  assert.ok(read.ok);
  if (!read.ok) return;
  assert.is(member(read.value, 'x'), undefined);
  assert.is(member(read.value, 'toString'), undefined);
  assert.is(member(read.value, 'hasOwnProperty'), undefined);
  assert.is(member(read.value, 'constructor'), 2);
  assert.equal(member(read.value, '__proto__'), { x: 1 });
});

// ---------------------------------------------------------------- names

test('a name is any text of one to so many bytes', () => {
  const plain = ['a', 'ghc', '7.6.2', 'a b', '-rf', '...', 'x'.repeat(255)];
  for (const name of [...plain, 'ü', '包', '😀']) {
    assert.equal(readName(name, 'a.b', 255), { ok: true, value: name });
  }
});

test('a name holds nothing that means more to others', () => {
  const bad = ['', '.', '..', '../', '/etc/passwd', 'a/b', 'a\\b', '..\\', 'a\0', '\0', 'a\nb'];
  for (const name of [...bad, '\r', '\t', '\x1b[2J', '\x7f', '\x80', '\x9f']) {
    refused(readName(name, 'a.b', 255), JSON.stringify(name));
  }
});

test('its length is counted in bytes', () => {
  refused(readName('x'.repeat(256), 'a.b', 255), '256');
  refused(readName('x'.repeat(65_536), 'a.b', 255), '64 KiB');
  refused(readName('😀'.repeat(64), 'a.b', 255), '256 bytes in 128 units');
  assert.ok(readName('😀'.repeat(63), 'a.b', 255).ok);
});

test('half a surrogate pair is refused: sent back it would crash the node', () => {
  for (const text of ['\ud83d', '\ude00', 'a\ud83db', '\ude00\ud83d', '😀\ud83d']) {
    refused(readText(text, 'a.b', 255), JSON.stringify(text));
    refused(readName(text, 'a.b', 255), JSON.stringify(text));
    assert.not.match(JSON.stringify(wellFormed(text)), /\\ud/);
  }
  assert.is(wellFormed('a😀\ufeffb'), 'a😀\ufeffb');
});

// ---------------------------------------------------------------- numbers

test('a count is an integer within its bounds', () => {
  for (const value of [1, 2, 32_768]) {
    assert.equal(readCount(value, 'a.b', 1, 32_768), { ok: true, value });
  }
  const bad = ['0', '-1', '32769', '2147483648', '9007199254740992', '1e400', '-1e400', '1.5'];
  for (const text of [...bad, '1e-7', '"1"', 'null', 'true', '[1]']) {
    refused(readCount(JSON.parse(text), 'a.b', 1, 32_768), text);
  }
  assert.equal(readCount(JSON.parse('1.0'), 'a.b', 1, 9), { ok: true, value: 1 });
  const zero = readCount(-0, 'a.b', 0, 9);
  assert.ok(zero.ok && Object.is(zero.value, 0));
  assert.ok(readCount(Number.MAX_SAFE_INTEGER, 'a.b', 0, Number.MAX_SAFE_INTEGER).ok);
});

// ---------------------------------------------------------------- checksums

test('a checksum is 40 hex digits, of either case', () => {
  const sum = 'e6db09bd2c84db66534107da4ef00e6addccba8e';
  assert.equal(readSha1(sum, 'a.b'), { ok: true, value: sum });
  assert.equal(readSha1(sum.toUpperCase(), 'a.b'), { ok: true, value: sum });
  const bad = [sum.slice(1), `${sum}0`, ` ${sum.slice(1)}`, `${sum}\n`, `g${sum.slice(1)}`];
  for (const text of bad) refused(readSha1(text, 'a.b'), JSON.stringify(text));
});

// ---------------------------------------------------------------- base64

test('base64 gives the bytes that were encoded, of every length', () => {
  const prng = createRandom(64);
  for (let length = 0; length < 70; length++) {
    const data = Uint8Array.from({ length }, () => prng.below(256));
    const read = readBase64(Buffer.from(data).toString('base64'), 'a.b', 70);
    assert.equal(read.ok && Uint8Array.from(read.value), data);
  }
});

test('every byte that is not of the alphabet is refused, at every place', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const good = 'QUJDREVG';
  for (let code = 0; code < 256; code++) {
    const char = String.fromCharCode(code);
    for (let at = 0; at < good.length; at++) {
      const text = good.slice(0, at) + char + good.slice(at + 1);
      const read = readBase64(text, 'a.b', 99);
      assert.is(read.ok, alphabet.includes(char), JSON.stringify(text));
    }
  }
});

test('padding is there, right, and at the end; bits that nothing needs are zero', () => {
  assert.ok(readBase64('QQ==', 'a.b', 9).ok && readBase64('QUI=', 'a.b', 9).ok);
  const bad = ['Q', 'QQ', 'QQ=', 'QQ===', 'QUI', 'QUI==', '=', '==', '====', 'QQ==QUJD'];
  const loose = ['QR==', 'QUJ=', 'QQ==\n', ' QQ==', 'QUJD\nREVG', '!!!', 'AA==junk', 'Q_-='];
  for (const text of [...bad, ...loose]) refused(readBase64(text, 'a.b', 99), JSON.stringify(text));
});

test('more bytes than there may be are refused before they are decoded', () => {
  const encoded = (bytes: number) => Buffer.alloc(bytes).toString('base64');
  assert.ok(readBase64(encoded(65_536), 'a.b', 65_536).ok);
  refused(readBase64(encoded(65_537), 'a.b', 65_536), 'one more');
  refused(readBase64(encoded(65_539), 'a.b', 65_536), 'a group more');
  refused(readBase64('A'.repeat(1_000_000), 'a.b', 65_536), 'a million');
});

test.run();
