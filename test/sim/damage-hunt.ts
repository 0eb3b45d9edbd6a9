// Searches for a sign that an agent handles damage wrongly, and prints the finding as one line of
// JSON. It is bundled separately for each mutant.

import { journalFold } from '../../src/agent/journal-fold.ts';
import { policy } from '../../src/agent/backend.ts';
import { openStore } from '../../src/store/store.ts';
import { createMemoryDisk } from '../support/memory-disk.ts';
import { journalsOf, newSweep, sweepAll } from './damage.ts';
import { journeyOf } from './journeys.ts';
import { settings } from './settings.ts';
import type { Fact } from '../../src/agent/backend.ts';

void hunt();

async function hunt(): Promise<void> {
  const all = newSweep();
  for (const name of ['J1s', 'J6']) {
    const states = await journalsOf(journeyOf(name));
    if (states.length < 2) all.failures.push(`${name}: no journal has its copies`);
    sweepAll(states, all);
    const last = states.at(-1);
    if (last !== undefined) all.failures.push(...(await unkept(last)));
  }
  all.failures.push(...unasked());
  console.log(JSON.stringify({ runs: all.bytes, found: all.failures[0] }));
}

/** The damaged file is kept, byte for byte, after the start. */
async function unkept(journal: Buffer): Promise<readonly string[]> {
  const disk = createMemoryDisk();
  const damaged = Buffer.from(journal);
  damaged[600] = (damaged[600] ?? 0) ^ 1;
  disk.put('/s/journal', damaged);
  const opened = await openStore(disk, '/s', 0, journalFold);
  if (!opened.ok) return [opened.reason];
  return disk.content('/s/journal.damaged')?.equals(damaged) === true ? [] : ['it is not kept'];
}

function unasked(): readonly string[] {
  const id = { name: 'engine', version: '1' };
  const facts: readonly Fact[] = [
    { kind: 'records-lost' },
    { kind: 'transfer-started', id, number: 1, checksum: 'a'.repeat(40), chunksCount: 1 },
    { kind: 'chunk-stored', number: 1, chunkIndex: 1, sizeBytes: 3, crc: 1 },
    { kind: 'transfer-complete', number: 1 },
  ];
  const prepared = { kind: 'prepared', id, number: 1, installer: 'opkg', before: '' } as const;
  const { effects } = policy.decide(settings, policy.replay(facts), prepared, {
    nowMs: 0,
    random: 0,
  });
  return effects.some(({ kind }) => kind === 'install') ? ['an installer runs unasked'] : [];
}
