// Tests the order of a commit in the event loop, over a real store on a disk in memory. When an
// effect starts, the test simulates power loss and reads from flash the data on which the effect
// depends. Stores that break the order prove that this check finds the error.
import { journalFold } from '../../../src/agent/journal-fold.ts';
import { createAgent } from '../../../src/agent/event-loop.ts';
import { indicesOf } from '../../../src/core/chunk-set.ts';
import { transferOf } from '../../../src/core/decision-helpers.ts';
import { eventsBatchMax, eventsQueuedMax, storageDelayMs } from '../../../src/limits.ts';
import { openStore } from '../../../src/store/store.ts';
import { createMemoryDisk } from '../../support/memory-disk.ts';
import { assert, suite } from '../../support/suite.ts';
import { createFakeClock, settle } from '../../support/control.ts';
import { chunkOf, engine, must } from '../../support/store.ts';
import { createLines, random, settingsOf } from '../../support/daemon.ts';
import type { Effect, Event, Fact, State } from '../../../src/agent/backend.ts';
import type { Store } from '../../../src/store/store.ts';
import type { MemoryDisk } from '../../support/memory-disk.ts';

const test = suite('the shell');
const data = '/s/packages/1/data';
const journal = '/s/journal';
const checksum = 'a'.repeat(40);
const chunksCount = 2 * eventsBatchMax + 1;
const started = { kind: 'start', id: engine, checksum, chunksCount } as const;
const chunk = (index: number): Event => ({
  kind: 'request',
  request: { kind: 'chunk', id: engine, chunkIndex: index, data: chunkOf(index) },
});
/** A server with other service names each time; the event adds a kilobyte to the journal. */
function renamed(at: number): Event {
  const name = `${at}/${'x'.repeat(240)}`;
  const services = { start: name, ack: name, report: name, packages: name };
  const rest = { offers: [], refused: [], dialect: 'P1' } as const;
  return { kind: 'request', request: { kind: 'notify', services, ...rest } };
}

type Kept = Store<State, Fact>;

/** Starts an agent in the middle of a transfer. */
async function setUp(change: (store: Kept, disk: MemoryDisk) => Kept = (store) => store) {
  const disk = createMemoryDisk();
  const inner = must(await openStore(disk, '/s', 0, journalFold));
  must(await inner.data.scanFolders([]));
  const [clock, lines] = [createFakeClock(), createLines()];
  const effects: Effect[] = [];
  let onEffect: (effect: Effect) => void = () => undefined;
  const agent = createAgent({
    clock,
    random,
    log: lines.log,
    settings: settingsOf(),
    store: change(inner, disk),
    execute(effect) {
      effects.push(effect);
      onEffect(effect);
    },
  });
  const ended = agent.run().then(
    () => 'ended',
    (error: unknown) => String(error),
  );
  await agent.submit({ kind: 'booted', bootId: 'b', payloads: [] });
  await agent.submit({ kind: 'request', request: { ...started, kind: 'start' } });
  must(await inner.reserve(1, chunksCount * 65_536, chunksCount));
  await agent.submit({ kind: 'reserved', start: started, number: 1 });
  disk.ops.length = 0;
  effects.length = 0;
  const acks = () => effects.filter(({ kind }) => kind === 'ack').length;
  return {
    disk,
    inner,
    clock,
    lines,
    effects,
    agent,
    ended,
    acks,
    onEffect: (act: (effect: Effect) => void) => void (onEffect = act),
  };
}

const held = (one: { readonly agent: { state(): State } }) =>
  JSON.stringify([...one.agent.state().core.packages.values()]).match(/"count":(\d+)/)?.[1];

const verbs = (disk: MemoryDisk) =>
  disk.ops.map(({ verb, path }) => `${verb} ${path.split('/').at(-1) ?? ''}`);

test('writes and appends, syncs both at once, and only then acts', async () => {
  const one = await setUp();
  one.onEffect(({ kind }) => void one.disk.ops.push({ verb: 'list', path: kind, bytes: 0 }));
  await one.agent.submit(chunk(1));
  assert.equal(verbs(one.disk), [
    'write data',
    'write journal',
    'sync data',
    'sync journal',
    'list ack',
    'list hash',
  ]);
});

for (const last of ['data', 'journal']) {
  test(`does not act before the sync of the ${last} has ended, if it is the last one`, async () => {
    const one = await setUp();
    let end: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (end = resolve));
    const begun: string[] = [];
    one.disk.before(({ verb, path }) => {
      const name = path.split('/').at(-1) ?? '';
      if (verb !== 'sync') return undefined;
      begun.push(name);
      return name === last ? held : undefined;
    });
    const committed = one.agent.submit(chunk(1));
    await settle();
    assert.equal(begun, ['data', 'journal']);
    assert.is(one.acks(), 0);
    end();
    await committed;
    assert.is(one.acks(), 1);
  });
}

/** Returns the number of acknowledged chunks that power loss at that moment would destroy. */
async function lostAcks(change?: (store: Kept, disk: MemoryDisk) => Kept): Promise<number> {
  const one = await setUp(change);
  let lost = 0;
  const looks: Promise<void>[] = [];
  let expected = 0;
  one.onEffect(({ kind }) => {
    if (kind !== 'ack') return;
    const left = one.disk.cut('lost');
    looks.push(look(left, expected).then((isLost) => void (lost += isLost ? 1 : 0)));
  });
  for (expected = 1; expected <= 5; expected += 1) await one.agent.submit(chunk(expected));
  await Promise.all(looks);
  assert.is(looks.length, 5);
  return lost;
}

function heldIn({ core }: State): readonly number[] {
  const transfers = [...core.packages.values()].flatMap((one) => transferOf(one) ?? []);
  return transfers.flatMap(({ chunks }) => indicesOf(chunks));
}

async function look(left: MemoryDisk, index: number): Promise<boolean> {
  const { state } = must(await openStore(left, '/s', 0, journalFold));
  const isHeld = heldIn(state).includes(index);
  const bytes = left.content(data)?.subarray((index - 1) * 65_536, index * 65_536);
  return !isHeld || bytes === undefined || !bytes.equals(chunkOf(index));
}

test('acknowledges nothing that a cut at that moment would lose', async () => {
  assert.is(await lostAcks(), 0);
});

const broken: readonly (readonly [string, (store: Kept, disk: MemoryDisk) => Kept])[] = [
  [
    'does not sync the data',
    (store, disk) => {
      disk.lie((path) => path === data);
      return store;
    },
  ],
  [
    'does not sync the journal',
    (store, disk) => {
      disk.lie((path) => path.startsWith(journal));
      return store;
    },
  ],
  [
    'does not sync the folder of the data',
    (store, disk) => {
      disk.lie((path) => path === '/s/packages/1');
      return store;
    },
  ],
  [
    'acts before the commit',
    (store) => {
      const commit: Kept['commit'] = async (facts) => {
        void store.commit(facts);
        return { ok: true, value: undefined };
      };
      return { ...store, commit };
    },
  ],
  ['forgets the facts', (store) => ({ ...store, commit: () => store.commit([]) })],
  [
    'forgets the data',
    (store) => {
      const write: Store['data']['write'] = async () => ({ ok: true, value: undefined });
      return { ...store, data: { ...store.data, write } };
    },
  ],
];
for (const [what, change] of broken) {
  test(`would be caught by that look if it were one that ${what}`, async () => {
    assert.ok((await lostAcks(change)) > 0);
  });
}

test('lets events gather while a commit is under way, and commits them as one', async () => {
  const one = await setUp();
  let release: () => void = () => undefined;
  let commits = 0;
  one.disk.before(({ verb, path }) => {
    if (verb !== 'sync' || path !== journal || commits++ > 0) return undefined;
    return new Promise<void>((resolve) => (release = resolve));
  });
  const first = one.agent.submit(chunk(1));
  await settle();
  const rest = [2, 3, 4, 5, 6, 7, 8, 9].map((index) => one.agent.submit(chunk(index)));
  await settle();
  // One commit is in flight; the writes of the next commit have not begun.
  assert.equal(one.disk.ops.filter(({ verb }) => verb === 'write').length, 2);
  assert.is(one.acks(), 0);
  release();
  await Promise.all([first, ...rest]);
  assert.is(one.disk.count('sync', journal), 2);
  assert.is(one.disk.count('sync', data), 2);
  assert.is(one.acks(), 9);
});

test('puts no more than a batch into one commit', async () => {
  const one = await setUp();
  const all = Array.from({ length: chunksCount }, (_, at) => chunk(at + 1));
  await Promise.all(all.map((event) => one.agent.submit(event)));
  // The idle loop may commit the first event alone. Both cases need three commits.
  const commits = one.disk.count('sync', journal);
  assert.is(commits, 3);
});

test('writes nothing for an event that changes nothing on flash', async () => {
  const one = await setUp();
  await one.agent.submit({ kind: 'tick' });
  await one.agent.submit({ kind: 'transport-up' });
  assert.equal(one.disk.ops, []);
});

test('says that it is full, so that the transports stop', async () => {
  const one = await setUp();
  one.disk.before(() => new Promise(() => undefined));
  void one.agent.submit(chunk(1));
  await settle();
  for (let count = 0; count < eventsQueuedMax; count += 1) {
    assert.not.ok(one.agent.isFull(), `${count}`);
    void one.agent.submit({ kind: 'tick' });
  }
  assert.ok(one.agent.isFull());
});

test('drops the fact and the ack of a write that is refused, and keeps the others', async () => {
  const one = await setUp();
  let writes = 0;
  one.disk.refuse(({ verb, path }) =>
    verb === 'write' && path === data && ++writes === 2 ? 'ENOSPC' : undefined,
  );
  await Promise.all([1, 2, 3].map((index) => one.agent.submit(chunk(index))));
  await settle();
  assert.is(held(one), '2');
  assert.is(one.acks(), 2);
  const left = must(await openStore(one.disk.cut('lost'), '/s', 0, journalFold));
  assert.equal(heldIn(left.state), [1, 3]);
  const refused = one.effects.find((effect) => effect.kind === 'log' && effect.level === 'error');
  assert.match(JSON.stringify(refused), /chunk-write-failed.*"index":2.*ENOSPC/);
  // The chunk is not stored, so the agent accepts it when the server sends it again.
  await one.agent.submit(chunk(2));
  assert.is(held(one), '3');
});

test('tries the same events again after a refused append, and acts once', async () => {
  const one = await setUp();
  one.disk.refuse(({ verb, path }) =>
    verb === 'write' && path.startsWith(journal) ? 'ENOSPC' : undefined,
  );
  let isDone = false;
  void one.agent.submit(chunk(1)).then(() => (isDone = true));
  await settle();
  for (let round = 0; round < 3; round += 1) {
    assert.not.ok(isDone);
    assert.equal(one.effects, []);
    assert.is(held(one), '0');
    assert.match(one.agent.storageError() ?? '', /ENOSPC/);
    await one.clock.advance(storageDelayMs);
  }
  assert.is(one.lines.count('storage-write-failed'), 1);
  one.disk.refuse(undefined);
  await one.clock.advance(storageDelayMs);
  assert.ok(isDone);
  assert.is(held(one), '1');
  assert.is(one.acks(), 1);
  assert.is(one.agent.storageError(), undefined);
  assert.is(one.lines.count('storage-recovered'), 1);
});

for (const path of [data, journal]) {
  test(`ends when the sync of ${path} fails, and does nothing more`, async () => {
    const one = await setUp();
    one.disk.refuse((op) => (op.verb === 'sync' && op.path === path ? 'EIO' : undefined));
    void one.agent.submit(chunk(1));
    assert.match(await one.ended, /^AssertionError: fsync of .* failed: EIO/);
    assert.equal(one.effects, []);
    assert.is(one.disk.count('sync', path), 1);
    // No timer keeps the process from ending.
    assert.is(one.clock.waiting(), 0);
  });
}

test('ends when a promise is broken outside of a commit', async () => {
  const one = await setUp();
  one.agent.fail(new Error('fsync elsewhere'));
  assert.is(await one.ended, 'Error: fsync elsewhere');
  const busy = await setUp();
  busy.disk.before(({ verb }) => {
    if (verb === 'sync') busy.agent.fail(new Error('now'));
  });
  void busy.agent.submit(chunk(1));
  assert.is(await busy.ended, 'Error: now');
  assert.equal(busy.effects, []);
});

test('sets its one timer to the first deadline, and none once it has stopped', async () => {
  const one = await setUp();
  await one.agent.submit({ kind: 'transport-up' });
  await one.agent.submit({ kind: 'call-failed', reason: 'refused' });
  assert.is(one.clock.waiting(), 1);
  const before = one.effects.filter(({ kind }) => kind === 'register').length;
  await one.clock.advance(2_000);
  assert.ok(one.effects.filter(({ kind }) => kind === 'register').length > before);
  one.agent.stop();
  assert.is(await one.ended, 'ended');
  assert.is(one.clock.waiting(), 0);
});

test('tells a listener of each commit until it has heard enough', async () => {
  const one = await setUp();
  let count = 0;
  const stop = one.agent.onChange(() => (count += 1));
  await one.agent.submit(chunk(1));
  await one.agent.submit(chunk(2));
  stop();
  await one.agent.submit(chunk(3));
  assert.is(count, 2);
});

test('waits for no program that takes blocks for a journal that was shortened', async () => {
  const one = await setUp();
  let isHanging = false;
  one.disk.before(({ verb }) => {
    if (verb !== 'reserve') return undefined;
    isHanging = true;
    return new Promise(() => undefined);
  });
  for (let at = 0; !isHanging && at < 200; at += 1) await one.agent.submit(renamed(at));
  assert.ok(isHanging);
  // The agent commits more events although the compaction does not end.
  await one.agent.submit(chunk(1));
  assert.is(one.acks(), 1);
});

test('shortens a journal that has grown, and goes on with it where it cannot', async () => {
  const one = await setUp();
  const grow = async () => {
    for (let at = 0; at < 700; at += 1) await one.agent.submit(renamed(at));
  };
  one.disk.refuse(({ path }) => (path.endsWith('.new') ? 'ENOSPC' : undefined));
  await grow();
  // One attempt for 256 KiB: each of these commits takes some 6 KiB with its copy.
  const tries = one.lines.count('journal-compaction-failed');
  assert.ok(tries > 10 && tries < 20, `${tries} tries in 700 commits`);
  one.disk.refuse(undefined);
  await grow();
  assert.ok((one.disk.content(journal)?.length ?? 0) < 300_000);
  await one.agent.submit(chunk(1));
  const again = must(await openStore(one.disk.cut('lost'), '/s', 0, journalFold));
  assert.equal(again.losses, []);
});

test.run();
