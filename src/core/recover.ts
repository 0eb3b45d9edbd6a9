// After every start: what the journal says, held against what the disk shows, one row each.
import { unreachable } from '../assert.ts';
import { chunkBytes } from '../limits.ts';
import { grouped } from '../sanitize.ts';
import { combine, decision, inPhase, installing, nothing } from './decision-helpers.ts';
import { rebooting, transferOf } from './decision-helpers.ts';
import { chunksExpected, isAllStored } from './phases.ts';
import { recovered } from './recovery-summary.ts';
import type { Decision, Event, Fact, Moment } from './events.ts';
import type { Package, State, Transfer } from './model.ts';
import type { Settings } from './settings.ts';

type Booted = Extract<Event, { readonly kind: 'booted' }>;

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
  event: Booted,
  { nowMs }: Moment,
): Decision {
  const { bootId, evidence } = event;
  const notes = [{ kind: 'booting', bootId }] as const;
  const first = decision({ notes, signals: [{ kind: 'booted' }] });
  const each = [...state.packages.values()].map((one) => {
    const transfer = transferOf(one);
    const dataBytes = evidence.find(({ number }) => number === transfer?.number)?.dataBytes;
    const isSameBoot = one.phase.kind === 'rebooting' && one.phase.bootId === bootId;
    const isAuto =
      settings.policy.consent === 'automatic' && one.update?.isConfirmationWanted !== true;
    const isDataThere = transfer !== undefined && isUsable(one, transfer, dataBytes);
    const row = rowOf(one.phase.kind, { isDataThere, isSameBoot, isAuto });
    return recover(one, row, nowMs);
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

function recover(one: Package, row: Row, nowMs: number): Decision {
  const { id, phase } = one;
  switch (row) {
    case 'wait-for-consent':
    case 'ask':
      return nothing;
    case 'consent':
      return decision({ facts: [{ kind: 'consented', id }] });
    case 'resume': {
      const number = transferOf(one)?.number;
      if (number === undefined) return nothing;
      const hashed = decision({ effects: [{ kind: 'hash', number }] });
      return combine(recovered(one, `held ${heldOf(one)}`), hashed);
    }
    case 'receive-again': {
      const number = transferOf(one)?.number;
      const facts: readonly Fact[] = [{ kind: 'transfer-discarded', id }];
      // What is left of the file would occupy its space.
      const effects = number === undefined ? [] : [{ kind: 'discard', number } as const];
      const lost = recovered(one, 'lost its data file; it is received again');
      return combine(lost, decision({ facts, effects }));
    }
    case 'probe':
    case 'probe-without-data': {
      if (!inPhase(one, 'installing')) return nothing;
      const { transfer, install } = one.phase;
      const probed = decision({
        notes: [installing(one, { step: 'probing', isDataLost: row !== 'probe' })],
        effects: [{ kind: 'probe', id, transfer, install }],
      });
      return combine(recovered(one, `was being installed, attempt ${install.attempt}`), probed);
    }
    case 'reboot-again':
      return combine(recovered(one, 'installed, waits for its reboot'), rebootAt(one, nowMs));
    case 'check': {
      if (!inPhase(one, 'rebooting')) return nothing;
      const checked = decision({
        notes: [rebooting(one, { step: 'checking' })],
        effects: [{ kind: 'check', id }],
      });
      return combine(recovered(one, 'installed, and rebooted'), checked);
    }
    case 'report':
      return phase.kind === 'reporting' ? recovered(one, 'settled, its report is owed') : nothing;
    default:
      return unreachable(row);
  }
}

function rebootAt(one: Package, deadlineMs: number): Decision {
  if (!inPhase(one, 'rebooting')) return nothing;
  return decision({ notes: [rebooting(one, { deadlineMs })] });
}

function heldOf(one: Package): string {
  const transfer = transferOf(one);
  if (transfer === undefined) return 'nothing';
  const { chunks, chunksCount } = transfer;
  return `${grouped(chunks.count)} of ${grouped(chunksExpected(chunksCount))} chunks`;
}
