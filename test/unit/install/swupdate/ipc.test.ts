// Tests the bytes of the control socket against the offsets of SWUpdate's compiled headers.
import {
  decodeAnswer,
  decodeState,
  decodeStatus,
  encodeInstall,
  encodeRequest,
  encodeSetState,
  messageTypes,
  messageLayouts,
} from '../../../../src/install/swupdate/control-socket.ts';
import { assert, suite } from '../../../support/suite.ts';
import type { MessageLayout } from '../../../../src/install/swupdate/control-socket.ts';

const test = suite('messages of the control socket');

function layoutOf(sizeBytes: number): MessageLayout {
  const layout = messageLayouts.find((one) => one.sizeBytes === sizeBytes);
  if (layout === undefined) throw new Error(`no layout of ${sizeBytes}`);
  return layout;
}

test('knows the sizes of 64 and 32 bit, of 2021.11 and later and of 2020.11', () => {
  assert.equal(
    messageLayouts.map(({ sizeBytes }) => sizeBytes),
    [3120, 3104, 3112, 3100],
  );
});

for (const [sizeBytes, lengthOffset, infoOffset] of [
  [3120, 24, 32],
  [3112, 24, 32],
  [3104, 20, 24],
  [3100, 20, 24],
] as const) {
  test(`asks for an install in ${sizeBytes} bytes`, () => {
    const data = encodeInstall(layoutOf(sizeBytes), 'sota 1');
    assert.is(data.length, sizeBytes);
    assert.is(data.readUInt32LE(0), 0x14052001);
    assert.is(data.readInt32LE(4), 0, 'REQ_INSTALL');
    assert.is(data.readInt32LE(8), 1, 'api version');
    assert.is(data.readInt32LE(12), 4, 'source: local');
    assert.is(data.readInt32LE(16), 0, 'dry run: as configured');
    assert.is(data.readUInt32LE(lengthOffset), 6);
    assert.is(data.toString('latin1', infoOffset, infoOffset + 7), 'sota 1\0');
    const rest = Buffer.concat([data.subarray(infoOffset + 6), data.subarray(24, lengthOffset)]);
    assert.ok(rest.every((byte) => byte === 0));
  });
}

test('cuts a long text off within its field of 512 bytes', () => {
  const data = encodeInstall(layoutOf(3120), 'x'.repeat(600));
  assert.is(data.readUInt32LE(24), 511);
  assert.equal(data.subarray(32 + 511, 544 + 8), Buffer.alloc(9));
});

test('asks for the status, and sets a state by its digit', () => {
  assert.is(encodeRequest(layoutOf(3104), messageTypes.status).readInt32LE(4), 3);
  const set = encodeSetState(layoutOf(3120), '0');
  assert.is(set.readInt32LE(4), 7);
  assert.is(set.readUInt8(8), 0x30);
});

function answer(type: number, sizeBytes = 3120): Buffer {
  return encodeRequest(layoutOf(sizeBytes), type);
}

test('reads the status, with a line of the log', () => {
  const data = answer(1);
  data.writeInt32LE(4, 8);
  data.writeInt32LE(3, 12);
  data.write('ERROR : no\0stale', 20);
  assert.equal(decodeStatus(data), { current: 4, lastResult: 3, line: 'ERROR : no' });
});

test('reads a line that fills its field to the end', () => {
  const data = answer(1);
  data.fill('x', 20, 20 + 2048);
  assert.is(decodeStatus(data).line.length, 2048);
});

test('reads the state as the digit it is', () => {
  const data = answer(1);
  data.write('7', 8);
  assert.is(decodeState(data), '7');
});

test('tells yes from no, and no with its reason', () => {
  assert.is(decodeAnswer(answer(1))?.kind, 'ack');
  const no = answer(2, 3104);
  no.write('Installation in progress', 8);
  assert.equal(decodeAnswer(no), { kind: 'nack', reason: 'Installation in progress' });
});

test('takes nothing else for an answer', () => {
  assert.is(decodeAnswer(answer(3)), undefined, 'a type that is neither');
  assert.is(decodeAnswer(answer(1).subarray(0, 2071)), undefined, 'too short');
  assert.is(decodeAnswer(Buffer.alloc(0)), undefined);
  const foreign = answer(1);
  foreign.writeUInt32LE(0x14052002, 0);
  assert.is(decodeAnswer(foreign), undefined, 'another magic number');
});

test.run();
