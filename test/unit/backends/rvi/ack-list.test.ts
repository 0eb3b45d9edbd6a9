// Tests which chunks an ack lists, against each server: the policy and the server of the tests talk
// without a network, over packages that are longer than an ack that lists everything.
import { policy } from '../../../../src/agent/backend.ts';
import { ackOf, progressAckOf } from '../../../../src/backends/rvi/ack-rules.ts';
import {
  chunkBytes,
  fullAckChunksMax,
  listRejectionsMax,
  newChunksBeforeTail,
} from '../../../../src/limits.ts';
import { createRig, packageOfChunks } from '../../../backend/fakes.ts';
import { serverKinds } from '../../../backend/server-rules.ts';
import { assert, suite } from '../../../support/suite.ts';
import {
  chunkOf,
  createCore,
  createLinked,
  ghc,
  link,
  numberIn,
  offer,
  open,
  settings,
  startOf,
} from '../../../support/core.ts';
import type { Effect, Fact } from '../../../../src/agent/backend.ts';
import type { ServerKind } from '../../../backend/server-rules.ts';

const test = suite('the list of an ack');
const count = 2 * fullAckChunksMax;
const released: readonly ServerKind[] = ['S-A', 'S-B', 'S-C', 'S-M'];
const upTo = (last: number) => Array.from({ length: last }, (_, at) => at + 1);

/** A transfer between the policy and a server. `handle` takes one message of the server. */
function createTalk(kind: ServerKind, own = settings) {
  const rig = createRig(kind);
  const one = packageOfChunks(ghc.name, count, ghc.version);
  const acks: (readonly number[])[] = [];
  /** The facts of earlier lives. */
  const kept: Fact[] = [];
  let core = createLinked(own);
  let waiting: string[] = [];
  let losesNext = false;
  rig.server.notify([one]);
  core.ask(offer(ghc));
  rig.start(one);

  function perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'request-start') rig.start(one);
      if (effect.kind !== 'ack') continue;
      const message = ackOf(own, core.state(), ghc, effect.empty);
      if (message?.kind !== 'ack') continue;
      acks.push(message.chunks);
      if (!losesNext) rig.ack(one, message.chunks);
      losesNext = false;
    }
  }

  function handle(message: string): void {
    const [service, index = ''] = message.split(' ');
    if (service === 'chunk') perform(core.ask(chunkOf(ghc, Number(index), count)).effects);
    if (service === 'finish') perform(core.ask({ kind: 'finish', id: ghc }).effects);
    if (service !== 'start') return;
    const start = startOf(ghc, count);
    const asked = core.ask(start);
    perform(asked.effects);
    const number = numberIn(asked);
    if (number > 0) perform(core.act({ kind: 'reserved', start, number }).effects);
  }

  /** True if all chunks are there, with or without a finish of the server. */
  function isOver(): boolean {
    const phase = core.one(ghc)?.phase;
    return phase?.kind === 'receiving' && phase.finished;
  }

  /** Handles messages until one is `last`, or the finish. Time passes while nothing arrives. */
  function run(last = 'finish'): void {
    for (let steps = 0; !isOver(); steps++) {
      if (steps > 2_000) throw new Error(`no ${last}: ${acks.slice(-9).join(' | ')}`);
      waiting.push(...rig.came());
      const next = waiting.shift();
      if (next !== undefined) handle(next);
      else {
        rig.clock.pass(1_000);
        perform(core.wait(1_000));
      }
      if (next === last) return;
    }
  }

  function boot(news: readonly Fact[]): void {
    kept.push(...core.facts, ...news);
    core = createCore(own, policy.replay(kept));
    const payloads = [{ number: 1, dataBytes: count * chunkBytes }];
    core.act({ kind: 'booted', bootId: 'next', payloads });
    link(core);
  }

  /** The power fails, and with it what is under way. */
  function reboot(...news: readonly Fact[]): void {
    waiting = [];
    rig.came();
    boot(news);
  }

  const learned = () => core.state().server.learned.ack;
  const repeated = () =>
    [...rig.server.sent.values()].reduce((sum, times) => sum + times - 1, 0) - rig.server.resends();

  /** As an earlier agent learned it from this server. */
  function learn(list: 'full' | 'tail' | 'single'): void {
    boot([{ kind: 'ack-list-learned', list }]);
  }

  const resume = () => perform(core.wait(1));

  const loseNext = () => {
    losesNext = true;
  };
  return {
    run,
    reboot,
    resume,
    handle,
    learn,
    loseNext,
    acks,
    learned,
    repeated,
    core: () => core,
    rig,
    one,
  };
}

for (const kind of released) {
  test(`${kind}: no chunk comes twice, and no ack grows with the package`, () => {
    const talk = createTalk(kind);
    talk.run();
    assert.is(talk.repeated(), 0);
    assert.is(talk.rig.server.sent.size, count);
    const full = upTo(fullAckChunksMax).map(upTo);
    const tails = upTo(count).slice(fullAckChunksMax);
    assert.equal(talk.acks, [[], ...full, ...tails.map((last) => [last - 1, last])]);
    assert.is(talk.learned(), 'tail');
  });
}

test('a literal server sends one chunk twice, once, and then gets full lists', () => {
  const talk = createTalk('literal');
  talk.run();
  assert.is(talk.repeated(), 1);
  assert.is(talk.rig.server.sent.get(`${ghc.name} ${ghc.version} 1`), 2);
  assert.is(talk.learned(), 'full');
  const short = talk.acks.filter((chunks) => chunks.length === 2 && chunks[0] !== 1);
  assert.equal(short, [[fullAckChunksMax, fullAckChunksMax + 1]]);
  assert.equal(talk.acks.at(-1), upTo(count));
});

test('a server that rejects lists gets the last chunk alone, after some starts', () => {
  const talk = createTalk('single');
  talk.run();
  assert.is(talk.learned(), 'single');
  assert.ok(talk.repeated() <= listRejectionsMax, `${talk.repeated()} chunks came again`);
  assert.equal(
    talk.acks.slice(-3),
    [count - 2, count - 1, count].map((last) => [last]),
  );
});

const costs: { readonly [kind in ServerKind]: number } = {
  'S-A': 0,
  'S-B': 0,
  'S-C': 0,
  'S-M': 0,
  single: listRejectionsMax,
  literal: 1,
};

for (const kind of serverKinds) {
  test(`${kind}: a power loss at any chunk costs one chunk, and what was learned is kept`, () => {
    for (let index = 1; index <= count; index++) {
      const talk = createTalk(kind);
      talk.run(`chunk ${index}`);
      const { length } = talk.acks;
      const learned = talk.learned();
      talk.reboot();
      assert.is(talk.learned(), learned, 'replayed');
      const before = talk.repeated();
      talk.run();
      const cost = learned === undefined ? costs[kind] : 0;
      assert.ok(talk.repeated() - before <= 1 + cost, `${talk.repeated()} again, ${index}`);
      const isTail = (chunks: readonly number[]) => chunks.length === 2 && chunks[0] !== 1;
      const isOther = learned === 'full' || learned === 'single';
      if (isOther) assert.not.ok(talk.acks.slice(length).some(isTail));
    }
  });

  test(`${kind}: an ack lost at any chunk costs one chunk`, () => {
    for (let index = 1; index < count; index++) {
      const talk = createTalk(kind);
      talk.run(`chunk ${index}`);
      talk.loseNext();
      talk.run();
      assert.ok(talk.repeated() <= 1 + costs[kind], `${talk.repeated()} again, ${index}`);
    }
  });
}

for (const kind of released) {
  test(`${kind}: a chunk that arrives again teaches nothing`, () => {
    for (let index = 1; index <= count; index++) {
      const talk = createTalk(kind);
      talk.run(`chunk ${index}`);
      const { length } = talk.acks;
      talk.handle(`chunk ${index}`);
      assert.is(talk.acks.length, length, 'no ack, which would double the stream');
      talk.run();
      assert.is(talk.learned(), 'tail');
      assert.is(talk.repeated(), 0);
    }
  });

  test(`${kind}: what was learned keeps the acks short after a power loss`, () => {
    const talk = createTalk(kind);
    talk.run('chunk 12');
    const { length } = talk.acks;
    talk.reboot();
    talk.run();
    assert.equal([...new Set(talk.acks.slice(length).map((chunks) => chunks.length))], [2]);
  });
}

for (const kind of ['S-B', 'S-C', 'S-M', 'single'] as const) {
  test(`${kind}: a late copy of chunk 1 after a resume teaches nothing`, () => {
    const talk = createTalk(kind);
    talk.run('chunk 12');
    const learned = talk.learned();
    // The next start needs [], and so chunk 1.
    talk.rig.server.restart();
    talk.reboot();
    talk.run('chunk 1');
    const { length } = talk.acks;
    talk.handle('chunk 1');
    talk.run('chunk 13');
    talk.handle('chunk 1');
    assert.is(talk.acks.length, length + 1, 'one ack for chunk 13');
    assert.is(talk.learned(), learned);
    talk.run();
    assert.is(talk.learned(), learned);
    // Chunk 13 was under way, and chunk 1 followed [].
    assert.ok(talk.repeated() <= 2 + costs[kind]);
  });
}

test('a copy of chunk 1 after a short resume ack is only a doubt', () => {
  const talk = createTalk('S-B');
  talk.run('chunk 12');
  talk.reboot();
  talk.resume();
  assert.equal(talk.acks.at(-1), [11, 12]);
  talk.handle('chunk 1');
  assert.is(talk.learned(), undefined);
  assert.equal(talk.acks.at(-1), upTo(12));
  talk.run();
  assert.is(talk.learned(), 'tail');
});

test('a server that now reads literally is found out by the resume ack', () => {
  const talk = createTalk('literal');
  talk.run('chunk 12');
  talk.reboot({ kind: 'ack-list-learned', list: 'tail' });
  talk.resume();
  assert.equal(talk.acks.at(-1), [11, 12]);
  talk.run();
  assert.is(talk.learned(), 'full');
  // One for the first lesson, one for the doubt, one for the second lesson, one in flight.
  assert.ok(talk.repeated() <= 4, `${talk.repeated()} came again`);
});

/**
 * Returns the list of the ack of these chunks, the last `newCount` after an interruption. Nothing
 * is learned of the server.
 */
function listAfter(stored: readonly number[], newCount: number, own = settings): unknown {
  const before = createLinked(own, ghc);
  open(before, ghc, 300);
  for (const index of stored.slice(0, -newCount)) before.ask(chunkOf(ghc, index, 300));
  const unknown: readonly Fact[] = [{ kind: 'ack-list-learned', list: 'unknown' }];
  const core = createCore(own, policy.applyAll(before.state(), unknown));
  core.wait(own.rvi.stallTimeoutMs);
  for (const index of stored.slice(-newCount)) core.ask(chunkOf(ghc, index, 300));
  const message = ackOf(own, core.state(), ghc, false);
  return message?.kind === 'ack' && message.chunks;
}

test('after an interruption the list is full, until new chunks arrive in a row', () => {
  assert.equal(listAfter(upTo(40), newChunksBeforeTail - 1), upTo(40));
  assert.equal(listAfter(upTo(40), newChunksBeforeTail), [39, 40]);
});

test('with a gap, the last two are those before it, so that the gap is filled first', () => {
  assert.equal(listAfter([...upTo(20), ...upTo(40).slice(21)], 5), [19, 20]);
  for (const kind of released) {
    const talk = createTalk(kind);
    talk.run('chunk 12');
    talk.core().act({ kind: 'chunk-corrupt', number: 1, chunkIndex: 10 });
    talk.run();
    assert.is(talk.rig.server.sent.get(`${ghc.name} ${ghc.version} 10`), 2, kind);
    // The server was sending chunk 13 when the agent needed chunk 10.
    assert.ok(talk.repeated() <= 2, `${kind}: ${talk.repeated()}`);
  }
});

test('the settings full and tail decide alone', () => {
  const set = (ack: 'full' | 'tail') => ({ ...settings, rvi: { ...settings.rvi, ack } });
  assert.equal(listAfter(upTo(40), 5, set('full')), upTo(40));
  assert.equal(listAfter(upTo(3), 1, set('tail')), [2, 3]);
  for (const ack of ['full', 'tail'] as const) {
    const talk = createTalk('S-B', set(ack));
    talk.run('chunk 12');
    talk.handle('chunk 1');
    talk.run();
    assert.is(talk.learned(), undefined);
    assert.is(talk.repeated(), 0);
  }
});

for (const list of ['full', 'tail', 'single'] as const) {
  for (const kind of serverKinds) {
    test(`${kind}, which required '${list}' before it changed: the package arrives`, () => {
      const talk = createTalk(kind);
      talk.learn(list);
      talk.run();
      const extra = talk.repeated();
      assert.ok(extra <= 2 * listRejectionsMax, `${extra} came again`);
    });
  }
}

test('a progress ack is short, and full where the server requires it', () => {
  const lists = (['literal', 'single', 'S-C'] as const).map((kind) => {
    const talk = createTalk(kind);
    talk.run();
    const message = progressAckOf(settings, talk.core().state(), ghc);
    return message?.kind === 'ack' && message.chunks;
  });
  assert.equal(lists, [upTo(count), [count], [count - 1, count]]);
});

test.run();
