// Values that have broken programs before: bounds of integers, names of prototypes, halves of
// pairs, paths, depths and lengths.
import { raw } from './tree.ts';
import type { Prng } from '../support/prng.ts';
import type { Tree } from './tree.ts';

export const strangeNames = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'toJSON',
  'length',
  'valueOf',
  'then',
  'get',
  '',
  ' ',
  '0',
  'method',
  'id',
  'params',
  'packages',
  'package',
  'service_name',
  'parameters',
  'name',
  'version',
  '\u0000',
  '\ud800',
  'jsonrpc',
  'error',
  'result',
  'update',
  'update_id',
  'update_available',
  'signature',
  'description',
  'request_confirmation',
] as const;

const numbers = [
  '0',
  '-0',
  '-1',
  '1',
  '2',
  '3',
  '1.5',
  '0.0',
  '1e0',
  '1e3',
  '1E400',
  '-1e400',
  '1e-400',
  '4.0',
  '255',
  '256',
  '32767',
  '32768',
  '32769',
  '65535',
  '65536',
  '2147483647',
  '2147483648',
  '-2147483648',
  '4294967295',
  '4294967296',
  '9007199254740991',
  '9007199254740992',
  '9007199254740993',
  '-9007199254740993',
  '18446744073709551616',
  `1${'0'.repeat(400)}`,
  '00',
  '+1',
  '.5',
  '5.',
  '0x10',
  'NaN',
  'Infinity',
  '1_000',
] as const;

const texts = [
  '""',
  '" "',
  '"x"',
  '"0"',
  '"null"',
  '"true"',
  '"."',
  '".."',
  '"../../etc/passwd"',
  '"/"',
  '"a/b"',
  '"a\\\\b"',
  '"\\u0000"',
  '"a\\u0000b"',
  '"\\u001b[2J"',
  '"\\ud800"',
  '"\\udc00x"',
  '"\\ud83d\\ude00"',
  '"\ud800"',
  '"\\uD800\\u0041"',
  '"\\u202e"',
  '"%s%n"',
  '"$(reboot)"',
  '"-rf"',
  '"__proto__"',
  '"constructor"',
  '"/sota/chunk"',
  '"a,b"',
  '"\\n"',
  '"A==="',
  '"A"',
  '"AAA"',
  '"AB=="',
  '"AA=="',
  '"AA==AA=="',
  '"!!!!"',
  '"AAAA\\n"',
  '"-_-_"',
  '"\u00e9"',
] as const;

const others = [
  'null',
  'true',
  'false',
  '{}',
  '[]',
  '[[]]',
  '[{}]',
  '[null]',
  '',
  '{"__proto__":{"polluted":1}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"toString":1}',
  '{"length":1e9}',
  'undefined',
  '{"a":1,"a":2}',
  '[,]',
  '[1,]',
  '{,}',
  "'x'",
  '/**/1',
] as const;

/** Depth and length: most are small, for speed; some are as large as a message may be. */
export function largeOf(prng: Prng): Tree {
  const count = prng.chance(0.9) ? 1 + prng.below(2_000) : prng.below(140_000);
  const spelt = (text: string) => raw(text);
  switch (prng.below(7)) {
    case 0:
      return spelt('['.repeat(count) + ']'.repeat(count));
    case 1:
      return spelt('{"a":'.repeat(count / 2) + '1' + '}'.repeat(count / 2));
    case 2:
      return spelt(`"${'A'.repeat(count)}"`);
    case 3:
      return spelt(`"${'\\u0000'.repeat(count / 6)}"`);
    case 4:
      return spelt('['.repeat(count));
    case 5:
      return spelt(`[${'0,'.repeat(count / 2)}0]`);
    default:
      return spelt(`{${Array.from({ length: count / 12 }, (_, at) => `"k${at}":0`).join(',')}}`);
  }
}

export function valueOf(prng: Prng): Tree {
  const roll = prng.below(100);
  if (roll < 35) return raw(prng.pick(numbers));
  if (roll < 65) return raw(prng.pick(texts));
  if (roll < 97) return raw(prng.pick(others));
  return largeOf(prng);
}
