// After every start: what the journal says, held against what the disk shows, one row each.
import { combine, decision, nothing, running, transferOf } from './decision-helpers.ts';
import { waitNote } from './progress-ack.ts';
import { isAllStored } from './chunk-set.ts';
import { chunksExpected } from './resume-strategy.ts';
import { recovered } from './recovery-summary.ts';
import { chunkBytes } from '../limits.ts';
import { unreachable } from '../assert.ts';
import { grouped } from '../sanitize.ts';
import type { Decision, PayloadScan, Fact } from './events.ts';
import type { Package, State, Transfer } from './model.ts';
import type { Settings } from './settings.ts';

export type Row =
  | 'wait-for-consent'
  | 'consent'
  | 'ask'
  | 'resume'
  | 'receive-again'
  | 'probe'
  | 'probe-without-data'
  | 'reboot-again'
  | 'check'
  | 'report';

/** The first thing to do with a package after a boot. */
export function rowOf(
  phase: Package['phase']['kind'],
  facts: { readonly isDataThere: boolean; readonly isSameBoot: boolean; readonly isAuto: boolean },
): Row {
  switch (phase) {
    case 'offered':
      return facts.isAuto ? 'consent' : 'wait-for-consent';
    case 'accepted':
      return 'ask';
    case 'receiving':
      return facts.isDataThere ? 'resume' : 'receive-again';
    case 'installing':
      // Also without data: the cut may have come between the install and its record.
      return facts.isDataThere ? 'probe' : 'probe-without-data';
    case 'rebooting':
      return facts.isSameBoot ? 'reboot-again' : 'check';
    case 'reporting':
      return 'report';
    default:
      return unreachable(phase);
  }
}

export function onBooted(
  settings: Settings,
  state: State,
  bootId: string,
  evidence: readonly PayloadScan[],
  nowMs: number,
): Decision {
  const booting = { kind: 'booting', bootId } as const;
  const first = decision({ notes: [booting, ...waitNote(settings, nowMs)] });
  const each = [...state.packages.values()].map((one) => {
    const transfer = transferOf(one);
    const dataBytes = evidence.find(({ number }) => number === transfer?.number)?.dataBytes;
    const isSameBoot = one.phase.kind === 'rebooting' && one.phase.bootId === bootId;
    const isAuto = settings.policy.accept === 'auto' && one.update?.isConfirmationWanted !== true;
    const isDataThere = transfer !== undefined && isUsable(one, transfer, dataBytes);
    const row = rowOf(one.phase.kind, { isDataThere, isSameBoot, isAuto });
    return recover(settings, state, one, row, nowMs);
  });
  return combine(first, ...each);
}

/** An attempt was begun with all chunks. If the record of one is lost, none can be checked. */
function isUsable({ phase }: Package, transfer: Transfer, dataBytes: number | undefined): boolean {
  return (phase.kind === 'receiving' || isAllStored(transfer)) && isWhole(transfer, dataBytes);
}

/** A file shorter than what was acknowledged is no file. */
function isWhole(transfer: Transfer, dataBytes: number | undefined): boolean {
  if (dataBytes === undefined) return false;
  const last = highestHeld(transfer);
  if (last === 0) return true;
  const isShort = last === chunksExpected(transfer.chunksCount);
  const lastBytes = isShort ? (transfer.lastChunkBytes ?? chunkBytes) : chunkBytes;
  return dataBytes >= (last - 1) * chunkBytes + lastBytes;
}

function highestHeld(transfer: Transfer): number {
  const { pages } = transfer.chunks;
  for (let at = pages.length - 1; at >= 0; at--) {
    const held = pages[at]?.held ?? new Uint8Array(0);
    for (let byte = held.length - 1; byte >= 0; byte--) {
      const bits = held[byte] ?? 0;
      if (bits !== 0) return at * held.length * 8 + byte * 8 + 32 - Math.clz32(bits);
    }
  }
  return 0;
}

function recover(
  settings: Settings,
  state: State,
  one: Package,
  row: Row,
  nowMs: number,
): Decision {
  const { id } = one;
  const finishDeadlineMs = nowMs + settings.rvi.finishTimeoutMs;
  const transfer = transferOf(one);
  switch (row) {
    case 'wait-for-consent':
    case 'ask':
      return nothing;
    case 'consent':
      return decision({ facts: [{ kind: 'consented', id }] });
    case 'resume':
      if (transfer === undefined) return nothing;
      return combine(
        recovered(one, `held ${heldOf(one)}`),
        decision({
          notes: [running(state, id, { deadlineMs: nowMs, finishDeadlineMs })],
          effects: [{ kind: 'hash', number: transfer.number }],
        }),
      );
    case 'receive-again': {
      const facts: readonly Fact[] = [{ kind: 'transfer-discarded', id }];
      const lost = recovered(one, 'lost its data file; it is received again');
      // What is left of the file would keep its space.
      if (transfer === undefined) return combine(lost, decision({ facts }));
      const effects = [{ kind: 'discard', number: transfer.number }] as const;
      return combine(lost, decision({ facts, effects }));
    }
    case 'probe':
    case 'probe-without-data':
      if (one.phase.kind !== 'installing' || transfer === undefined) return nothing;
      return combine(
        recovered(one, `was being installed, attempt ${one.phase.install.attempt}`),
        decision({
          notes: [running(state, id, { activity: 'probing', isDataLost: row !== 'probe' })],
          effects: [{ kind: 'probe', id, transfer, install: one.phase.install }],
        }),
      );
    case 'reboot-again':
      return combine(
        recovered(one, 'installed, waits for its reboot'),
        decision({ notes: [running(state, id, { deadlineMs: nowMs })] }),
      );
    case 'check':
      return combine(
        recovered(one, 'installed, and rebooted'),
        decision({
          notes: [running(state, id, { activity: 'checking' })],
          effects: [{ kind: 'check', id }],
        }),
      );
    case 'report':
      return combine(
        recovered(one, 'settled, its report is owed'),
        decision({ notes: [running(state, id, { deadlineMs: nowMs })] }),
      );
    default:
      return unreachable(row);
  }
}

function heldOf(one: Package): string {
  const transfer = transferOf(one);
  if (transfer === undefined) return 'nothing';
  const { chunks, chunksCount } = transfer;
  return `${grouped(chunks.count)} of ${grouped(chunksExpected(chunksCount))} chunks`;
}
