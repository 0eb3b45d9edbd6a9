// Tests how the releases of the server treat acks, row by row of the table (protocol 2.4).
import { nextIndex } from './read-ack.ts';
import { assert, suite } from '../support/suite.ts';
import { createRig, packageOfChunks } from './fakes.ts';
import type { ServerKind } from './server-rules.ts';

const test = suite('acks to the server');
const all: readonly ServerKind[] = ['S-A', 'S-B', 'S-C', 'S-M'];
const later: readonly ServerKind[] = ['S-B', 'S-C', 'S-M'];
const five = packageOfChunks('hello', 5);

type Row = {
  readonly says: string;
  readonly kinds: readonly ServerKind[];
  /** Acks before the tested one. */
  readonly before: readonly (readonly number[])[];
  readonly chunks: readonly number[];
  readonly leadsTo: readonly string[];
};

const first: readonly Row[] = [
  { says: '[] asks for chunk 1', kinds: all, before: [], chunks: [], leadsTo: ['chunk 1'] },
  {
    says: 'what is held goes on behind it',
    kinds: ['S-A'],
    before: [],
    chunks: [1, 2],
    leadsTo: ['chunk 3'],
  },
  {
    says: 'what is held is ignored',
    kinds: later,
    before: [],
    chunks: [1, 2],
    leadsTo: [],
  },
  {
    says: 'everything held is the finish',
    kinds: ['S-A'],
    before: [],
    chunks: [1, 2, 3, 4, 5],
    leadsTo: ['finish'],
  },
];

const next: readonly Row[] = [
  {
    says: '[] asks for chunk 1',
    kinds: ['S-A'],
    before: [[], [1]],
    chunks: [],
    leadsTo: ['chunk 1'],
  },
  { says: '[] starts it again', kinds: later, before: [[], [1]], chunks: [], leadsTo: ['start'] },
  { says: '[1] asks for chunk 2', kinds: all, before: [[]], chunks: [1], leadsTo: ['chunk 2'] },
  {
    says: 'a lone 3 starts it again',
    kinds: ['S-A', 'S-B', 'S-C'],
    before: [[], [1]],
    chunks: [3],
    leadsTo: ['start'],
  },
  {
    says: 'a lone 3 asks for chunk 4',
    kinds: ['S-M'],
    before: [[], [1]],
    chunks: [3],
    leadsTo: ['chunk 4'],
  },
  { says: 'a gap is filled', kinds: all, before: [[]], chunks: [1, 3], leadsTo: ['chunk 2'] },
  {
    says: 'that 1 is missing is not noticed',
    kinds: all,
    before: [[]],
    chunks: [2, 3],
    leadsTo: ['chunk 4'],
  },
  {
    says: 'order and repeats do no harm',
    kinds: all,
    before: [[]],
    chunks: [2, 1, 2],
    leadsTo: ['chunk 3'],
  },
  { says: '0 counts as an index', kinds: all, before: [[]], chunks: [0, 1], leadsTo: ['chunk 2'] },
  {
    says: 'the last one is the finish',
    kinds: all,
    before: [[], [1]],
    chunks: [1, 2, 3, 4, 5],
    leadsTo: ['finish'],
  },
  {
    says: 'an index too high is the finish',
    kinds: all,
    before: [[]],
    chunks: [8, 9],
    leadsTo: ['finish'],
  },
  {
    says: 'a repeated ack repeats the chunk',
    kinds: all,
    before: [[], [1]],
    chunks: [1],
    leadsTo: ['chunk 2'],
  },
  {
    says: 'an ack after the finish leads to nothing',
    kinds: all,
    before: [[], [1, 2, 3, 4, 5]],
    chunks: [1, 2, 3, 4, 5],
    leadsTo: [],
  },
];

function play(when: string, rows: readonly Row[]): void {
  for (const { says, kinds, before, chunks, leadsTo } of rows) {
    for (const kind of kinds) {
      test(`${kind}, ${when}: ${says}`, () => {
        const { server, came, start, ack } = createRig(kind);
        server.notify([five]);
        start(five);
        for (const earlier of before) ack(five, earlier);
        came();
        ack(five, chunks);
        assert.equal(came(), leadsTo);
      });
    }
  }
}

play('the first ack', first);
play('a later ack', next);

for (const kind of later) {
  test(`${kind} is blocked for ever by a first ack that lists chunks, but for []`, () => {
    const { server, clock, came, start, ack } = createRig(kind);
    server.notify([five]);
    start(five);
    came();
    ack(five, [1, 2]);
    clock.pass(86_400_000);
    start(five);
    assert.equal(came(), []);
    assert.equal(
      server.log.slice(-2).map(({ ignored }) => ignored),
      ['the first ack must be []', 'another start is active'],
    );
    ack(five, []);
    assert.equal(came(), ['chunk 1']);
  });

  test(`${kind} goes on behind the full list once it has begun`, () => {
    const { server, came, start, ack } = createRig(kind);
    server.notify([five]);
    start(five);
    ack(five, []);
    came();
    ack(five, [1, 2, 3, 4]);
    assert.equal(came(), ['chunk 5']);
    assert.equal(
      [...server.sent],
      [
        ['hello 1.2.3 1', 1],
        ['hello 1.2.3 5', 1],
      ],
    );
  });
}

for (const kind of all) {
  test(`${kind} sends an empty package as one chunk without bytes`, () => {
    const { server, came, start, ack } = createRig(kind);
    const empty = packageOfChunks('empty', 0);
    server.notify([empty]);
    start(empty);
    ack(empty, []);
    ack(empty, [1]);
    assert.equal(came(), ['notify', 'start', 'chunk 1', 'finish']);
    assert.is(empty.chunksCount, 0);
    assert.is(empty.chunk(1), '');
  });
}

test('the next index is that of the first gap, or behind the last', () => {
  const cases: readonly (readonly [readonly number[], number])[] = [
    [[], 1],
    [[1], 2],
    [[1, 2, 3], 4],
    [[1, 3], 2],
    [[1, 2, 5], 3],
    [[2, 3], 4],
    [[1, 1, 2, 2, 4], 3],
  ];
  for (const [indices, index] of cases) assert.is(nextIndex(indices), index);
});

test.run();
