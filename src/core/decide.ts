// decide(state, event) returns the decision of the core; a pure function. The event loop commits a
// decision in this order: writes, sync, facts, sync, effects.
import { onDiscarded } from './cleanup.ts';
import { decision, log } from './decision-helpers.ts';
import { onInstallEnded, onInstallProbed, onNotPrepared, onPrepared } from './install.ts';
import { onProgress } from './install.ts';
import { onConsent, onDecline } from './on-consent.ts';
import { onChecked, onRebootDenied, onRebootRequested } from './reboot.ts';
import { onBooted } from './recover.ts';
import { onChunkWriteFailed, onNotReserved, onReserved } from './transfers.ts';
import { onCorruptChunk, onHashed } from './hashing.ts';
import type { Decision, Event, Moment } from './events.ts';
import type { State } from './model.ts';
import type { Settings } from './settings.ts';

type Of<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

type Table = {
  readonly [K in Event['kind']]: (
    settings: Settings,
    state: State,
    event: Of<K>,
    moment: Moment,
  ) => Decision;
};

const table: Table = {
  booted: onBooted,
  refused: (_, __, { count }) =>
    decision({ notes: [{ kind: 'counter', counter: 'refused', by: count }] }),
  reserved: (_, state, event) => onReserved(state, event),
  'not-reserved': (_, state, event) => onNotReserved(state, event),
  discarded: (_, state, event, moment) => onDiscarded(state, event, moment),
  hashed: onHashed,
  'chunk-corrupt': (_, state, event) => onCorruptChunk(state, event),
  'chunk-write-failed': (_, state, event) => onChunkWriteFailed(state, event),
  prepared: onPrepared,
  'not-prepared': (_, state, event) => onNotPrepared(state, event),
  progress: (_, state, event) => onProgress(state, event),
  'install-ended': onInstallEnded,
  'install-probed': onInstallProbed,
  'reboot-requested': (_, state, event) => onRebootRequested(state, event),
  'reboot-denied': (_, state, event, moment) => onRebootDenied(state, event, moment),
  checked: (_, state, event) => onChecked(state, event),
  'inventory-listed': (_, __, { packages }) =>
    decision({ signals: [{ kind: 'inventory', packages }] }),
  'inventory-failed': (_, __, { reason }) =>
    decision({ effects: [log('warn', 'inventory-failed', { reason })] }),
  consent: (settings, state, event) => onConsent(settings, state, event),
  decline: (_, state, event) => onDecline(state, event),
};

export function isCoreEvent(event: { readonly kind: string }): event is Event {
  return Object.hasOwn(table, event.kind);
}

export function decide<K extends Event['kind']>(
  settings: Settings,
  state: State,
  event: Of<K>,
  moment: Moment,
): Decision {
  const kind: K = event.kind;
  return table[kind](settings, state, event, moment);
}
