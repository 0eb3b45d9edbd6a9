// Some servers give up a package a minute after its last chunk, whatever the device is doing, and
// then drop the report. Any ack keeps them waiting (protocol 2.4); nothing else does.
import { serverOf } from './known-servers.ts';
import { decision, inPhase } from './decision-helpers.ts';
import type { Decision, Moment, VolatileFact } from './events.ts';
import type { Package, State } from './model.ts';
import type { Settings } from './settings.ts';

/** From now on the server has nothing to do but to wait for our report. */
export function waitNote(settings: Settings, dueMs: number): readonly VolatileFact[] {
  const { keepAliveMs } = settings.rvi;
  return keepAliveMs === 0 ? [] : [{ kind: 'keep-alive', dueMs }];
}

export const afterFinish = (settings: Settings, { nowMs }: Moment) =>
  waitNote(settings, nowMs + settings.rvi.keepAliveMs);

/**
 * Whose ack to repeat. Not of an update that has more payloads: its ack names the update only, and
 * would count for the next one (protocol 2.4). A server that is patient needs none.
 */
export function needsProgressAck(state: State): Package | undefined {
  if (state.progressAckMs === undefined) return undefined;
  return [...state.packages.values()].find(
    (one) =>
      isOutcomePending(one) && !one.isMultiPackage && !serverOf(state, one).hasNoInstallTimeout,
  );
}

/** All its chunks are here, and the outcome is not known. */
export function isOutcomePending(one: Package): boolean {
  if (inPhase(one, 'receiving')) return one.phase.finished;
  return inPhase(one, 'installing') || inPhase(one, 'rebooting');
}

export function sendProgressAck(settings: Settings, one: Package, moment: Moment): Decision {
  return decision({
    notes: afterFinish(settings, moment),
    effects: [{ kind: 'keep-alive', id: one.id }],
  });
}
