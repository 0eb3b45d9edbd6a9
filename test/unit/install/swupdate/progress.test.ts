// Tests the progress decoder with the layout of every release, whole and in pieces, and with
// invalid bytes.
import {
  createProgressDecoder,
  percentOf,
} from '../../../../src/install/swupdate/progress-socket.ts';
import { createRandom } from '../../../support/prng.ts';
import { assert, suite } from '../../../support/suite.ts';
import { encodeProgress, greetingOf } from '../../../support/swupdate-messages.ts';
import type { Progress } from '../../../../src/install/swupdate/progress-socket.ts';
import type { LayoutName, Message } from '../../../support/swupdate-messages.ts';

const test = suite('the progress of SWUpdate');
const names: readonly LayoutName[] = [
  '2018.11',
  '2020.11',
  '2020.11 i386',
  '2023.12',
  '2024.12',
  '2025.12',
];

/** The messages of an install: the start with the agent's text, the steps, the end. */
const story: readonly Message[] = [
  { status: 1, stepsCount: 2, info: 'sota-agent 5 of 7' },
  { status: 2, stepsCount: 2, info: '{"0": {"VERSION" : "1.2.3"}}' },
  { status: 2, stepsCount: 2, step: 1, image: 'rootfs.ext4', handler: 'raw' },
  { status: 8, stepsCount: 2, step: 1, percent: 50, image: 'rootfs.ext4', handler: 'raw' },
  { status: 8, stepsCount: 2, step: 2, percent: 100, image: 'kernel', handler: 'rawfile' },
  { status: 3, stepsCount: 2, step: 3 },
  { status: 0, source: 0 },
];

function told(message: Message): Progress {
  const { status, stepsCount = 0, step = 0, percent = 0, image = '', info = '' } = message;
  return { status, stepsCount, step, percent, image, info };
}

function bytesOf(name: LayoutName, messages: readonly Message[]): Buffer {
  return Buffer.concat([greetingOf(name), ...messages.map((one) => encodeProgress(name, one))]);
}

for (const name of names) {
  test(`reads the layout of ${name}, each message by itself`, () => {
    const decoder = createProgressDecoder();
    const read = [greetingOf(name), ...story.map((one) => encodeProgress(name, one))].flatMap(
      (data) => decoder.push(data),
    );
    assert.equal(read, story.map(told));
  });

  test(`reads ${name} from the middle of a download of others`, () => {
    const earlier = [
      { status: 5, downloadPercent: 30, downloadedBytes: 3_000_000_000, source: 1 },
      { status: 5, downloadPercent: 31, downloadedBytes: 5_000_000_000, source: 1 },
    ];
    const decoder = createProgressDecoder();
    const read = decoder.push(bytesOf(name, [...earlier, ...story]));
    assert.equal(read.slice(-story.length), story.map(told));
  });
}

// In pieces, the layout of i386 looks like that of 2018.11. A local socket does not split it so.
for (const name of names.filter((one) => one !== '2020.11 i386')) {
  test(`reads the layout of ${name} in pieces of any size`, () => {
    const random = createRandom(7);
    for (let round = 0; round < 40; round++) {
      const data = bytesOf(name, story);
      const most = random.pick([1, 3, 100, 2_408, 5_000]);
      const decoder = createProgressDecoder();
      const read: Progress[] = [];
      for (let at = 0; at < data.length; ) {
        const end = at + 1 + random.below(most);
        read.push(...decoder.push(data.subarray(at, end)));
        at = end;
      }
      assert.equal(read, story.map(told));
    }
  });

  test(`gives all but the last of ${name} where that one is cut short`, () => {
    const data = bytesOf(name, story);
    const decoder = createProgressDecoder();
    assert.equal(decoder.push(data.subarray(0, data.length - 1)), story.slice(0, -1).map(told));
    assert.not.ok(decoder.isLost());
  });
}

test('leaves out the text of before, which stays in the field', () => {
  const [first, second] = [told({ status: 1, info: 'long text' }), { status: 2, stepsCount: 1 }];
  const data = encodeProgress('2023.12', second);
  data.write('long text', 364);
  const decoder = createProgressDecoder();
  decoder.push(encodeProgress('2023.12', first));
  assert.equal(decoder.push(data), [told(second)]);
});

test('says nothing before it knows whether messages have 2408 or 2416 bytes', () => {
  for (const name of ['2024.12', '2025.12'] as const) {
    const decoder = createProgressDecoder();
    const idle = encodeProgress(name, { status: 0, source: 0 });
    decoder.push(greetingOf(name));
    assert.equal(decoder.push(idle.subarray(0, 2408)), []);
    const next = encodeProgress(name, { status: 1, info: 'ours, to be sure' });
    const read = [idle.subarray(2408), next].flatMap((data) => decoder.push(data));
    assert.equal(
      read.map(({ status }) => status),
      [0, 1],
    );
  }
});

test('is lost on another first word, and stays so', () => {
  const decoder = createProgressDecoder();
  const data = encodeProgress('2023.12', { status: 1 });
  data.writeUInt32LE(0x30000, 0);
  assert.equal(decoder.push(data), []);
  assert.ok(decoder.isLost());
  assert.equal(decoder.push(bytesOf('2023.12', story)), []);
});

test('is lost on fields that cannot be', () => {
  const wrong: readonly ((data: Buffer) => void)[] = [
    (data) => data.writeInt32LE(99, 4),
    (data) => data.writeInt32LE(101, 8),
    (data) => data.writeInt32LE(101, 32),
    (data) => data.writeInt32LE(-1, 24),
    (data) => data.writeInt32LE(2049, 360),
    (data) => data.fill('x', 36, 292),
    (data) => data.write('\x07', 292),
  ];
  for (const spoil of wrong) {
    const data = encodeProgress('2023.12', { status: 8, stepsCount: 1, step: 1 });
    spoil(data);
    const decoder = createProgressDecoder();
    assert.equal(decoder.push(data), []);
    assert.ok(decoder.isLost());
  }
});

test('is lost when a message does not begin where it has to', () => {
  const decoder = createProgressDecoder();
  assert.is(decoder.push(encodeProgress('2023.12', { status: 1 })).length, 1);
  decoder.push(Buffer.concat([Buffer.alloc(4), encodeProgress('2023.12', { status: 2 })]));
  assert.ok(decoder.isLost());
});

test('gives up on messages that nothing tells apart', () => {
  const decoder = createProgressDecoder();
  decoder.push(Buffer.alloc(16 * 2416 + 1));
  assert.ok(decoder.isLost());
});

test('counts every step the same', () => {
  const at = (stepsCount: number, step: number, percent: number) =>
    percentOf(told({ status: 8, stepsCount, step, percent }));
  assert.is(at(0, 0, 0), undefined);
  assert.is(at(2, 0, 0), 0);
  assert.is(at(2, 1, 50), 25);
  assert.is(at(2, 2, 100), 100);
  assert.is(at(2, 3, 0), 100);
  assert.is(at(1, 9, 100), 100);
});

test.run();
