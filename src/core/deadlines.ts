// The deadlines of all core states that wait. The timer of the event loop, the tick and
// `sota-agent why` use the same list.
import { removeAgain } from './cleanup.ts';
import { inPhase } from './decision-helpers.ts';
import { prepareAgain, retryWhenFree } from './install.ts';
import { rebootAgain } from './reboot.ts';
import { verifyAgain } from './hashing.ts';
import type { Deadline, Decision, Moment } from './events.ts';
import type { Package, State } from './model.ts';
import type { Settings } from './settings.ts';

export type Act = (settings: Settings, state: State, moment: Moment) => Decision;

export function deadlines(state: State): readonly Deadline<Act>[] {
  return [...[...state.packages.values()].flatMap(ofPackage), ...ofCleanups(state)];
}

function ofCleanups(state: State): readonly Deadline<Act>[] {
  return [...state.cleanups].map(([number, dueMs]) => ({
    dueMs,
    id: undefined,
    next: 'removes the files of a finished transfer',
    act: (_: Settings, __: State, moment: Moment) => removeAgain(number, moment),
  }));
}

function ofPackage(one: Package): readonly Deadline<Act>[] {
  const { id } = one;
  if (inPhase(one, 'receiving') && one.phase.now.prepareAtMs !== undefined) {
    const dueMs = one.phase.now.prepareAtMs;
    return [{ dueMs, id, next: 'checks the policy and installs', act: () => prepareAgain(one) }];
  }
  if (inPhase(one, 'installing') && one.phase.now.retryAtMs !== undefined) {
    const dueMs = one.phase.now.retryAtMs;
    const isWaiting = one.phase.now.step === 'waiting';
    const act = () => (isWaiting ? retryWhenFree(one) : verifyAgain(one));
    return [{ dueMs, id, next: 'starts the installer again', act }];
  }
  if (inPhase(one, 'rebooting') && one.phase.now.deadlineMs !== undefined) {
    const { deadlineMs: dueMs, denial } = one.phase.now;
    const act: Act = (settings, state, moment) => rebootAgain(settings, state, one, moment);
    const next = denial === undefined ? 'requests the reboot again' : 'runs [reboot] allow again';
    return [{ dueMs, id, next, act }];
  }
  return [];
}
