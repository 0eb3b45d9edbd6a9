// Some servers give up a package a minute after its last chunk, whatever the device does, and then
// drop the report. Any ack keeps them waiting (protocol 2.4); nothing else does.
import { inPhase } from '../../core/decision-helpers.ts';
import { decision } from './decision.ts';
import { serverOf } from './known-servers.ts';
import type { Moment } from '../../core/events.ts';
import type { Package } from '../../core/model.ts';
import type { Settings } from './settings.ts';
import type { Decision, RviAgentState, RviNote } from './model.ts';

/** From now on the server only waits for the report. */
export function waitNote(settings: Settings, dueMs: number): readonly RviNote[] {
  const { progressIntervalMs } = settings.rvi;
  return progressIntervalMs === 0 ? [] : [{ kind: 'progress-ack', dueMs }];
}

export const afterFinish = (settings: Settings, { nowMs }: Moment) =>
  waitNote(settings, nowMs + settings.rvi.progressIntervalMs);

/**
 * Whose ack to repeat. Not of an update with more payloads: its ack names the update only, and
 * would count for the next one (protocol 2.4). A server without a time limit needs none.
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

/** All its chunks are here, and the outcome is not known. */
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
