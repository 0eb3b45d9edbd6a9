// Recovery after each start: compares the journal with the files on disk, one row for each
// combination.
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
  /** The backend requests the start again. */
  | 'request-start'
  | 'resume'
  | 'receive-again'
  | 'probe'
  /** The payload of the attempt is missing. */
  | 'probe-without-data'
  | 'reboot-again'
  | 'check-health'
  | 'report';

/** Returns the first action for a package after a start of the agent. */
export function rowOf(
  phase: Package['phase']['kind'],
  facts: { readonly isDataThere: boolean; readonly isSameBoot: boolean; readonly isAuto: boolean },
): Row {
  switch (phase) {
    case 'offered':
      return facts.isAuto ? 'consent' : 'wait-for-consent';
    case 'accepted':
      return 'request-start';
    case 'receiving':
      return facts.isDataThere ? 'resume' : 'receive-again';
    case 'installing':
      // Also without data: the power loss may have come between the install and its record.
      return facts.isDataThere ? 'probe' : 'probe-without-data';
    case 'rebooting':
      return facts.isSameBoot ? 'reboot-again' : 'check-health';
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
  const { bootId, payloads } = event;
  const notes = [{ kind: 'booting', bootId }] as const;
  const first = decision({ notes, signals: [{ kind: 'booted' }] });
  const each = [...state.packages.values()].map((one) => {
    const transfer = transferOf(one);
    const dataBytes = payloads.find(({ number }) => number === transfer?.number)?.dataBytes;
    const isSameBoot = one.phase.kind === 'rebooting' && one.phase.bootId === bootId;
    const isAuto =
      settings.policy.consent === 'automatic' && one.update?.isConfirmationWanted !== true;
    const isDataThere = transfer !== undefined && isUsable(one, transfer, dataBytes);
    const row = rowOf(one.phase.kind, { isDataThere, isSameBoot, isAuto });
    return recover(one, row, nowMs);
  });
  return combine(first, ...each);
}

/** An attempt needs all chunks. If the record of one is lost, the payload cannot be verified. */
function isUsable({ phase }: Package, transfer: Transfer, dataBytes: number | undefined): boolean {
  return (phase.kind === 'receiving' || isAllStored(transfer)) && isWhole(transfer, dataBytes);
}

/** Returns false if the file is shorter than the chunks in the journal. */
function isWhole(transfer: Transfer, dataBytes: number | undefined): boolean {
  if (dataBytes === undefined) return false;
  const last = highestStored(transfer);
  if (last === 0) return true;
  const isShort = last === chunksExpected(transfer.chunksCount);
  const lastBytes = isShort ? (transfer.lastChunkBytes ?? chunkBytes) : chunkBytes;
  return dataBytes >= (last - 1) * chunkBytes + lastBytes;
}

function highestStored(transfer: Transfer): number {
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
    case 'request-start':
      return nothing;
    case 'consent':
      return decision({ facts: [{ kind: 'consented', id }] });
    case 'resume': {
      const number = transferOf(one)?.number;
      if (number === undefined) return nothing;
      const hashed = decision({ effects: [{ kind: 'hash', number }] });
      return combine(recovered(one, `${storedText(one)} stored`), hashed);
    }
    case 'receive-again': {
      const number = transferOf(one)?.number;
      const facts: readonly Fact[] = [{ kind: 'transfer-discarded', id }];
      // The rest of the file would occupy space.
      const effects = number === undefined ? [] : [{ kind: 'discard', number } as const];
      const lost = recovered(one, 'data file lost; the agent receives it again');
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
      return combine(recovered(one, `install attempt ${install.attempt} interrupted`), probed);
    }
    case 'reboot-again':
      return combine(recovered(one, 'installed, reboot pending'), rebootAt(one, nowMs));
    case 'check-health': {
      if (!inPhase(one, 'rebooting')) return nothing;
      const checked = decision({
        notes: [rebooting(one, { step: 'checking' })],
        effects: [{ kind: 'check', id }],
      });
      return combine(recovered(one, 'installed and rebooted'), checked);
    }
    case 'report':
      return phase.kind === 'reporting'
        ? recovered(one, 'outcome recorded, report pending')
        : nothing;
    default:
      return unreachable(row);
  }
}

function rebootAt(one: Package, deadlineMs: number): Decision {
  if (!inPhase(one, 'rebooting')) return nothing;
  return decision({ notes: [rebooting(one, { deadlineMs })] });
}

function storedText(one: Package): string {
  const transfer = transferOf(one);
  if (transfer === undefined) return 'nothing';
  const { chunks, chunksCount } = transfer;
  return `${grouped(chunks.count)} of ${grouped(chunksExpected(chunksCount))} chunks`;
}
