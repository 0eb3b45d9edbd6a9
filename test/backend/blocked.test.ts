// Tests `blockedBy` for each release: when a server waits without a limit, and what ends that wait
// (protocol 2.4).
import { assert, suite } from '../support/suite.ts';
import { createRig, packageOfChunks } from './fakes.ts';
import type { ServerKind } from './server-rules.ts';

const test = suite('a server that is blocked');
const kinds = ['S-A', 'S-B', 'S-C', 'S-M'] as const;
const one = packageOfChunks('one', 2);

function begin(kind: ServerKind, step: 'start' | 'chunk' | 'finish') {
  const rig = createRig(kind);
  rig.server.notify([one]);
  rig.start(one);
  if (step !== 'start') rig.ack(one, []);
  if (step === 'finish') {
    rig.ack(one, [1]);
    rig.ack(one, [1, 2]);
  }
  return rig;
}

test('without anything under way none is', () => {
  for (const kind of kinds) assert.is(createRig(kind).server.blockedBy(), undefined);
});

test('each waits for ever for the first ack', () => {
  for (const kind of kinds) {
    const { server, clock } = begin(kind, 'start');
    assert.match(server.blockedBy() ?? '', 'the first ack');
    clock.pass(86_400_000);
    assert.ok(server.isBusy());
  }
});

test('S-A waits for ever for every other ack, too, and for the report, as S-B does', () => {
  const blocked = (step: 'chunk' | 'finish') =>
    kinds.filter((kind) => begin(kind, step).server.blockedBy() !== undefined);
  assert.equal(blocked('chunk'), ['S-A']);
  assert.equal(blocked('finish'), ['S-A', 'S-B']);
});

test('what is not blocked ends by itself', () => {
  for (const kind of kinds) {
    for (const step of ['chunk', 'finish'] as const) {
      const { server, clock } = begin(kind, step);
      const isBlocked = server.blockedBy() !== undefined;
      clock.pass(86_400_000);
      assert.is(server.isBusy(), isBlocked, `${kind} ${step}`);
    }
  }
});

test('a start of nothing blocks each of them', () => {
  for (const kind of kinds) {
    const { server, start } = createRig(kind);
    start(one);
    assert.match(server.blockedBy() ?? '', 'a start of nothing');
  }
});

test.run();
