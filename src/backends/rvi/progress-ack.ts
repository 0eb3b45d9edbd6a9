// Some servers give up a package one minute after its last chunk, and then drop the report. Only an
// ack restarts this minute (protocol 2.4).
import { inPhase } from '../../core/decision-helpers.ts';
import { decision } from './decision.ts';
import { serverOf } from './known-servers.ts';
import type { Moment } from '../../core/events.ts';
import type { Package } from '../../core/model.ts';
import type { Settings } from './settings.ts';
import type { Decision, RviAgentState, RviNote } from './model.ts';

/** Starts the progress acks: the server has sent everything and waits for the report. */
export function waitNote(settings: Settings, dueMs: number): readonly RviNote[] {
  const { progressIntervalMs } = settings.rvi;
  return progressIntervalMs === 0 ? [] : [{ kind: 'progress-ack', dueMs }];
}

export const afterFinish = (settings: Settings, { nowMs }: Moment) =>
  waitNote(settings, nowMs + settings.rvi.progressIntervalMs);

/**
 * Selects the package whose ack to repeat. An update with several payloads gets none: its ack names
 * only the update, and would count for the next payload (protocol 2.4). A server without a time
 * limit needs none.
 */
export function needsProgressAck({ core, backend }: RviAgentState): Package | undefined {
  if (backend.progressAckMs === undefined) return undefined;
  return [...core.packages.values()].find(
    (one) =>
      isOutcomePending(one) &&
      !one.isMultiPackage &&
      !serverOf(backend, one.id).hasNoInstallTimeout,
  );
}

/** True if all chunks are stored and there is no outcome yet. */
export function isOutcomePending(one: Package): boolean {
  if (inPhase(one, 'receiving')) return one.phase.finished;
  return inPhase(one, 'installing') || inPhase(one, 'rebooting');
}

export function sendProgressAck(settings: Settings, { id }: Package, moment: Moment): Decision {
  return decision({
    notes: afterFinish(settings, moment),
    effects: [{ kind: 'progress-ack', id }],
  });
}
