// Tests journals of the released version 0.1.0 (test/fixtures/journal-0.1.0): the agent must read
// the recorded state. The conversion must survive power loss at every operation.
import { journalFold } from '../../../src/agent/journal-fold.ts';
import { policy } from '../../../src/agent/backend.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import { keyOf } from '../../../src/core/decision-helpers.ts';
import { openStore } from '../../../src/store/store.ts';
import { changing, createMemoryDisk } from '../../support/memory-disk.ts';
import { assert, suite } from '../../support/suite.ts';
import { must } from '../../support/store.ts';
import { decodeJournal } from '../../support/decode-journal.ts';
import type { Package } from '../../../src/core/model.ts';
import type { State } from '../../../src/agent/backend.ts';
import type { MemoryDisk } from '../../support/memory-disk.ts';

const test = suite('journals of 0.1.0');
const folder = join(process.env['SOTA_AGENT_ROOT'] ?? '.', 'test/fixtures/journal-0.1.0');
const names = [
  'offers',
  'transfer-open',
  'install-begun',
  'second-attempt',
  'rebooting',
  'report-owed',
  'failure-owed',
  'history',
] as const;
const bytesOf = (name: string) => readFileSync(join(folder, `${name}.journal`));
const path = '/s/journal';

function stateOf(name: string): State {
  const decoded = decodeJournal(journalFold, bytesOf(name));
  assert.equal([decoded.damages, decoded.tornBytes, decoded.unknownCount], [[], 0, 0], name);
  return policy.replay(decoded.facts);
}

const radioIn = ({ core }: State): Package | undefined =>
  core.packages.get(keyOf({ name: 'radio', version: '2.1.0' }));
const attemptsIn = ({ core }: State) => [...core.history.values()].map(({ attempts }) => attempts);

test('are read to the state that they were recorded in', () => {
  const offers = stateOf('offers');
  const phases = [...offers.core.packages.values()].map(({ phase }) => phase.kind);
  assert.equal(phases, ['accepted', 'offered']);
  const open = radioIn(stateOf('transfer-open'))?.phase;
  assert.ok(open?.kind === 'receiving' && open.transfer.chunks.count >= 4);
  for (const [name, attempt] of [
    ['install-begun', 1],
    ['second-attempt', 2],
  ] as const) {
    const phase = radioIn(stateOf(name))?.phase;
    assert.ok(phase?.kind === 'installing' && phase.install.attempt === attempt, name);
    assert.is(phase.transfer.chunks.count, 7);
    assert.equal(attemptsIn(stateOf(name)), [attempt]);
  }
  assert.is(radioIn(stateOf('rebooting'))?.phase.kind, 'rebooting');
  for (const [name, status] of [
    ['report-owed', true],
    ['failure-owed', false],
  ] as const) {
    const phase = radioIn(stateOf(name))?.phase;
    assert.ok(phase?.kind === 'reporting' && phase.report.status === status, name);
  }
  const history = stateOf('history');
  assert.is(history.core.packages.size, 0);
  const outcomes = [...history.core.history.values()].map(({ outcome }) => outcome);
  assert.equal(outcomes, ['installed', 'installed']);
});

async function open(disk: MemoryDisk) {
  const store = must(await openStore(disk, '/s', 0, journalFold));
  assert.equal([store.losses, store.damage], [[], undefined]);
  return store.state;
}

test('are converted at the first start, whole whenever the power is lost', async () => {
  for (const name of names) {
    const expected = stateOf(name);
    for (const unsynced of ['lost', 'kept'] as const) {
      let isOver = false;
      for (let cutAt = 0; !isOver; cutAt += 1) {
        const disk = createMemoryDisk();
        disk.put(path, bytesOf(name));
        must(await disk.syncDirectory('/'));
        let steps = 0;
        let left: MemoryDisk | undefined;
        disk.before(({ verb }) => {
          if (!changing.includes(verb)) return;
          if (steps === cutAt) left = disk.cut(unsynced);
          steps += 1;
        });
        assert.equal(await open(disk), expected, name);
        isOver = left === undefined;
        const after = left ?? disk;
        assert.equal(await open(after), expected, `${name}, ${unsynced} at ${cutAt}`);
        const converted = decodeJournal(journalFold, after.content(path) ?? Buffer.alloc(0));
        assert.is(converted.header?.version, 2, name);
      }
    }
  }
});

test('stay as they are where they cannot be converted, and take new records', async () => {
  const disk = createMemoryDisk();
  disk.put(path, bytesOf('report-owed'));
  must(await disk.syncDirectory('/'));
  disk.refuse(({ verb, path: at }) =>
    verb === 'open' && at.endsWith('.new') ? 'ENOSPC' : undefined,
  );
  const store = must(await openStore(disk, '/s', 0, journalFold));
  const id = { name: 'maps', version: '7.0.0' };
  must(await store.commit([{ kind: 'offered', id, sizeBytes: 1 }]));
  const state = await open(disk.cut('lost'));
  assert.is(radioIn(state)?.phase.kind, 'reporting');
  assert.is(state.core.packages.get(keyOf(id))?.phase.kind, 'offered');
});

test.run();
