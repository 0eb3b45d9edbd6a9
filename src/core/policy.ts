// Decides whether the agent may take the next step with a package. The core calls it before each
// download, install and reboot. Consent comes first; maintenance windows belong here, too.
import { isConfirmationKnown, needsConsent } from './consent.ts';
import { keyOf } from './decision-helpers.ts';
import type { Moment } from './events.ts';
import type { Package, PackageId, State } from './model.ts';
import type { Settings } from './settings.ts';

export type Step = 'download' | 'install' | 'reboot';

export type Permission =
  | { readonly kind: 'now' }
  /** `untilMs` undefined: until an external event, such as the consent of a user. */
  | { readonly kind: 'wait'; readonly reason: string; readonly untilMs: number | undefined };

const now: Permission = { kind: 'now' };
const consentMissing: Permission = {
  kind: 'wait',
  reason: 'the package waits for consent',
  untilMs: undefined,
};

/** `id` may name a package that no server offered: a dependency that a server starts. */
export function permit(
  settings: Settings,
  state: State,
  step: Step,
  id: PackageId,
  moment: Moment,
): Permission {
  const one = state.packages.get(keyOf(id));
  if (!isConsented(settings, state, id, one)) return consentMissing;
  if (step !== 'reboot' || one?.phase.kind !== 'rebooting') return now;
  const { denial, deadlineMs } = one.phase.now;
  const isDenied = denial !== undefined && deadlineMs !== undefined && moment.nowMs < deadlineMs;
  return isDenied ? { kind: 'wait', reason: denial.reason, untilMs: deadlineMs } : now;
}

/** Consent ends with the outcome. After that, the next offer decides. */
function isConsented(
  settings: Settings,
  state: State,
  id: PackageId,
  one: Package | undefined,
): boolean {
  if (one === undefined) return isDependencyAccepted(settings, state, id);
  if (one.phase.kind === 'offered') return false;
  if (one.phase.kind !== 'reporting') return true;
  return one.phase.again === 'consented' || !needsConsent(settings, state, id, one.update);
}

/** Returns true if a server may transfer a package that no user accepted. */
function isDependencyAccepted(settings: Settings, state: State, id: PackageId): boolean {
  if (!needsConsent(settings, state, id)) return true;
  if (settings.policy.dependencies === 'ask' || isConfirmationKnown(state, id)) return false;
  // An update has no dependencies; only packages have (protocol 2.1).
  return id.version !== '' && [...state.packages.values()].some(isAccepted);
}

function isAccepted({ phase }: Package): boolean {
  if (phase.kind === 'reporting') return phase.report.code !== 'user-declined';
  return phase.kind !== 'offered';
}
