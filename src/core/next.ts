// What happens next to a package, and when, for people: its own timer, what runs on this device, or
// what has to come first.
import { unreachable } from '../assert.ts';
import { nextToRequest } from './start-queue.ts';
import { inPhase, keyOf, label, runningOf } from './decision-helpers.ts';
import { isLinked } from './timers.ts';
import type { Package, State, Activity } from './model.ts';
import type { Deadline } from './timers.ts';

/** Without `nextInMs` no timer of the agent leads there. */
export type Next = { readonly next: string; readonly nextInMs: number | undefined };

export function nextOf(state: State, one: Package, due: Deadline | undefined, nowMs: number): Next {
  const inMs = (dueMs: number) => Math.max(0, Math.round(dueMs - nowMs));
  if (due !== undefined) return { next: due.next, nextInMs: inMs(due.dueMs) };
  const { activity } = runningOf(state, one.id);
  if (activity !== undefined) return { next: afterWork[activity], nextInMs: undefined };
  if (!isLinked(state) && needsLink(one)) return linkFirst(state, inMs);
  return { next: later(state, one), nextInMs: undefined };
}

const afterWork: { readonly [work in Activity]: string } = {
  reserving: 'start the transfer when the space is reserved',
  preparing: 'install when the installer is ready',
  installing: 'report when the installer ends',
  probing: 'report or try again when the device was looked at',
  rebooting: 'report after the reboot',
  checking: 'report when the check after the reboot ends',
};

function needsLink(one: Package): boolean {
  if (inPhase(one, 'offered')) return one.started !== undefined;
  if (inPhase(one, 'receiving')) return !one.phase.finished;
  return inPhase(one, 'accepted') || inPhase(one, 'reporting');
}

/** Nothing goes to the server before the node has the registrations. */
function linkFirst({ link }: State, inMs: (dueMs: number) => number): Next {
  switch (link.kind) {
    case 'down':
      return { next: 'registers with the node', nextInMs: inMs(link.dueMs) };
    case 'registering':
      return { next: 'registers with the node', nextInMs: 0 };
    default:
      return { next: 'registers when the node can be reached', nextInMs: undefined };
  }
}

function later(state: State, one: Package): string {
  const { phase } = one;
  switch (phase.kind) {
    case 'offered':
      return 'nothing by itself';
    case 'accepted':
      return `ask the server to start${isAfter(state, one)}`;
    case 'receiving':
      return phase.finished ? 'install when the checksum is computed' : 'the next chunk';
    case 'installing':
      return 'try again when the data is verified';
    case 'rebooting':
      return 'report after the reboot';
    case 'reporting':
      return 'send the report';
    default:
      return unreachable(phase);
  }
}

/** One at a time: what is under way goes before, and then the older one. */
function isAfter(state: State, one: Package): string {
  const turn = nextToRequest(state)?.one;
  const first =
    turn ??
    [...state.packages.values()].find(
      (other) =>
        keyOf(other.id) !== keyOf(one.id) &&
        (!['offered', 'accepted'].includes(other.phase.kind) ||
          runningOf(state, other.id).reservation !== undefined),
    );
  if (first === undefined || keyOf(first.id) === keyOf(one.id)) return '';
  return `, after ${label(first.id)}`;
}
