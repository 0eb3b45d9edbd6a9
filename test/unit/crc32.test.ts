// Tests the CRC table against zlib, if this version of Node has the function, and against known
// values.
import * as zlib from 'node:zlib';
import { crc32, crc32ByTable, makeTables } from '../../src/crc32.ts';
import { createRandom } from '../support/prng.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('crc32');
const byTable = crc32ByTable(makeTables());

test('gives the check values of the standard, by both ways', () => {
  for (const of of [crc32, byTable]) {
    assert.is(of(new Uint8Array(0)), 0);
    assert.is(of(Buffer.from('123456789')), 0xcbf43926);
    assert.is(of(Buffer.from('The quick brown fox jumps over the lazy dog')), 0x414fa339);
    assert.is(of(new Uint8Array(32)), 0x190a55ad);
    assert.is(of(new Uint8Array(32).fill(255)), 0xff6cab0b);
  }
});

test('of much at once it is what the table gives', () => {
  const prng = createRandom(11);
  for (const length of [4_095, 4_096, 4_097, 65_536]) {
    const data = Uint8Array.from({ length }, () => prng.below(256));
    assert.is(crc32(data), byTable(data), `${length}`);
  }
});

test.needs('zlib.crc32 (Node 20.15)', typeof zlib.crc32 === 'function')(
  'the table and zlib agree for every length of the last step, and for random data',
  () => {
    const prng = createRandom(7);
    for (let length = 0; length < 200; length++) {
      const data = Uint8Array.from({ length }, () => prng.below(256));
      assert.is(byTable(data), zlib.crc32(data), `${length}`);
      assert.is(byTable(data.subarray(1)), zlib.crc32(data.subarray(1)), `${length}, shifted`);
    }
  },
);

test.run();
