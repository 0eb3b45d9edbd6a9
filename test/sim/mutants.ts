// Lists the agents that the simulator must catch, each broken in one place (`support/mutate.ts`).
// The hint is the journey that shows it first; without a hint, all are tried in order.
import { mutantOf as one } from '../support/mutate.ts';
import { commitMutants } from './commit-mutants.ts';
import type { Mutant } from '../support/mutate.ts';

/** The program that searches for the defect of one broken agent and prints its finding. */
export const hunt = 'test/sim/hunt.ts';

const executeAll = 'for (const effect of batch.effects) execute(effect, batch.writes);';
const decided = 'const batch = await decideAll(waiting);';

/** Agents with a defect in the handling of damage at rest; `damage-hunt.ts` tests them. */
export const damageMutants: readonly Mutant[] = [
  one(
    'stops reading at the first damage',
    'store/scan.ts',
    'const end = nextFrameAt(data, at + 1, header, frames) ?? data.length;',
    'const end = data.length;',
  ),
  one(
    'writes what is stated once only once',
    'core/flash-facts.ts',
    '{ flash, fields, isCritical: true }',
    '{ flash, fields, isCritical: false }',
  ),
  one(
    'takes damage for the end of an interrupted append',
    'store/scan.ts',
    'if (at < (header?.snapshotBytes ?? 0)) return false;',
    'return true;',
  ),
  one(
    'does not keep the damaged file',
    'store/damage.ts',
    'const written = await write(left);',
    'const written: DiskResult<void> = done;',
  ),
  one(
    'does not remember that records are lost',
    'store/journal-codec.ts',
    'lostCount > 0 ? reduce(state, recordsLost) : state',
    'state',
  ),
  one(
    'runs an installer unasked although records are lost',
    'core/install.ts',
    'state.hasLostRecords ? probeFirst(next, now.sha1) : start(next, install, now.sha1)',
    'start(next, install, now.sha1)',
  ),
];

export const mutants: readonly Mutant[] = [
  {
    name: 'acks before the commit',
    changes: [
      { file: 'agent/event-loop.ts', from: executeAll, to: '' },
      {
        file: 'agent/event-loop.ts',
        from: decided,
        to: `${decided}\n    state = batch.state;\n    ${executeAll}`,
      },
    ],
  },
  ...commitMutants,
  {
    // The rewrite at the start would hide this defect, so the journal is not rewritten.
    name: 'leaves a torn tail and writes behind it',
    changes: [
      {
        file: 'store/journal.ts',
        from: 'const isToStay = isSnapshot || unknownCount > 0;',
        to: 'const isToStay = true;',
      },
      {
        file: 'store/journal.ts',
        from: 'if (tornBytes > 0) {\n      const truncated',
        to: 'if (false) {\n      const truncated',
      },
      {
        file: 'store/journal.ts',
        from: 'let { nextSequence, soundBytes: endBytes } = decoded;',
        to:
          'let { nextSequence } = decoded;\n' +
          '  let endBytes = decoded.soundBytes + decoded.tornBytes;',
      },
    ],
  },
  {
    name: 'rewrites the journal in place',
    changes: [
      {
        file: 'store/journal.ts',
        from: "disk.open(`${path}.new`, 'create', 'refused')",
        to: "disk.open(path, 'create')",
      },
      {
        file: 'store/journal.ts',
        from: 'return disk.rename(next.path, path);',
        to: 'return written;',
      },
    ],
  },
  one(
    'does not sync the directory of a renamed journal',
    'store/journal.ts',
    'assertSynced(directory, await disk.syncDirectory(directory));',
    '',
  ),
  one(
    'does not sync the directories of a new transfer',
    'store/payload-files.ts',
    'for (const parent of [folder(number), root, directory]) {',
    'for (const parent of [] as string[]) {',
  ),
  one(
    'does not sync above a new storage directory',
    'store/store.ts',
    'const named = await disk.syncDirectory(above);',
    'const named = made;',
    'J1s',
  ),
  one(
    'syncs again after a failed sync',
    'store/sync.ts',
    'assertSynced(file.path, await file.sync());',
    'const first = await file.sync();\n' +
      '  assertSynced(file.path, first.ok ? first : await file.sync());',
    'J1',
  ),
  one(
    'believes what it read although nobody synced it',
    'store/journal.ts',
    'const isToStay = isSnapshot || unknownCount > 0;',
    'if (decoded.facts.length > 0) return { ok: true, value: undefined };\n' +
      '  const isToStay = isSnapshot || unknownCount > 0;',
    'J4',
  ),
  one(
    'records the attempt after the installer started',
    'agent/event-loop.ts',
    decided,
    `${decided}
    for (const effect of batch.effects) {
      if (effect.kind === 'install') parts.execute(effect, batch.state, batch.writes);
    }
    batch.effects = batch.effects.filter(({ kind }) => kind !== 'install');`,
  ),
  one(
    'deletes the payload before the outcome is on flash',
    'agent/event-loop.ts',
    decided,
    `${decided}
    for (const effect of batch.effects) {
      if (effect.kind === 'discard') parts.execute(effect, batch.state, batch.writes);
    }`,
  ),
  one(
    'forgets reports when the link comes back',
    'backends/rvi/on-registration.ts',
    'return decision({\n    notes: [...identified, ...serverSeen(backend),',
    "const due = all.filter((each) => inPhase(each, 'reporting'));\n" +
      '  return decision({\n' +
      "    facts: due.map(({ id }) => ({ kind: 'report-confirmed', id }) as const),\n" +
      '    notes: [...identified, ...serverSeen(backend),',
    'J3',
  ),
  one(
    'takes the answer of the node for a proof',
    'backends/rvi/reporting.ts',
    'return decision({\n    notes: [note(one.id, exchange)],',
    "return decision({\n    facts: [{ kind: 'report-confirmed', id: one.id }],\n" +
      '    notes: [note(one.id, exchange)],',
    'J8',
  ),
  one(
    'takes records without a look at their CRC',
    'store/frame.ts',
    'if (crc32(data.subarray(at + 8, end)) !== data.readUInt32LE(at + 4)) return undefined;',
    '',
    'J17',
  ),
  one(
    'takes chunks back from flash without a look at their CRC',
    'agent/hasher.ts',
    'if (!bytes.ok || crc32(bytes.value) !== crcOf(job.transfer.chunks, chunkIndex)) {',
    'if (!bytes.ok) {',
    'J16',
  ),
  one(
    'installs whatever the SHA-1',
    'core/verify.ts',
    "if (sha1 === transfer.checksum) return { kind: 'verified' };",
    "return { kind: 'verified' };",
    'J11c',
  ),
  {
    name: 'measures time by the wall clock',
    hint: 'J12b',
    changes: [
      {
        file: 'agent/event-loop.ts',
        from: 'nowMs: clock.nowMs(), random',
        to: 'nowMs: clock.wallMs(), random',
      },
      { file: 'agent/event-loop.ts', from: 'dueMs - clock.nowMs()', to: 'dueMs - clock.wallMs()' },
    ],
  },
  one(
    'says until when in the year 1970',
    'backends/rvi/codec/message-expiry.ts',
    'return wallMs < builtMs ? ',
    'return false ? ',
    'J12a',
  ),
  one(
    'begins again with each start of the same file',
    'backends/rvi/on-start.ts',
    'if (transfer.checksum !== start.checksum || transfer.chunksCount !== start.chunksCount) {',
    'if (true) {',
    'J5a',
  ),
  one(
    'installs again without asking what is true',
    'core/install.ts',
    "if (probe.kind === 'installed') {",
    'if (false) {',
  ),
  one(
    'tries an installer without end',
    'core/install.ts',
    'if (attempt >= settings.installer.maxAttempts) {',
    'if (false) {',
    'J6b',
  ),
  one(
    'lets lie what the disk did not remove',
    'agent/executors.ts',
    "parts.submit({ kind: 'discarded', number, reason });",
    '',
    'J1',
  ),
  one(
    'does not learn that a server reads acks literally',
    'backends/rvi/ack-list.ts',
    "if (method === undefined) return newChunks >= newChunksBeforeTail ? 'full' : undefined;",
    'if (method === undefined) return undefined;',
    'J21',
  ),
];
