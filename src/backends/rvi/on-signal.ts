// Handles signals of the core: decides which messages to send to the server.
import { packageIn } from '../../core/decision-helpers.ts';
import { backoffMs } from '../../core/backoff.ts';
import { startRetryDelayMsMax, startRetryDelayMsMin } from '../../limits.ts';
import { decision, nothing } from './decision.ts';
import { note, receivingOf, reportingOf, startingOf } from './exchange.ts';
import { onChunkRepeated, onChunkStored } from './on-chunk.ts';
import { waitNote } from './progress-ack.ts';
import { tryNextMethod } from './resume-strategy.ts';
import type { Moment, Signal } from '../../core/events.ts';
import type { Package } from '../../core/model.ts';
import type { Settings } from './settings.ts';
import type { Decision, RviAgentState, RviNote, RviState } from './model.ts';

type Of<K extends Signal['kind']> = Extract<Signal, { readonly kind: K }>;

type Context<K extends Signal['kind']> = {
  readonly settings: Settings;
  /** The state before the event. */
  readonly before: RviAgentState;
  readonly state: RviAgentState;
  readonly signal: Of<K>;
  readonly moment: Moment;
};

type Table = { readonly [K in Signal['kind']]: (context: Context<K>) => Decision };

const table: Table = {
  booted: ({ settings, state, moment }) => onBooted(settings, state, moment.nowMs),
  'transfer-ready': onTransferReady,
  'transfer-postponed': onTransferPostponed,
  'start-deferred': ({ signal: { id } }) =>
    decision({ notes: [note(id, { phase: 'offered', isReleased: false })] }),
  // A server without a first ack waits without a limit, some servers even after the report. `[]`
  // makes it send a chunk, on which it gives up (protocol 2.4).
  'start-rejected': ({ signal: { id } }) =>
    decision({ effects: [{ kind: 'ack', id, empty: true }] }),
  'chunk-stored': ({ settings, before, state, signal, moment }) =>
    onChunkStored(settings, before, state, signal.id, moment),
  'chunk-repeated': ({ settings, state, signal, moment }) =>
    onChunkRepeated(settings, state, signal, moment),
  'chunk-missing': ({ state: { backend }, signal: { id }, moment }) => {
    const exchange = receivingOf(backend, id);
    return decision({ notes: [note(id, { ...exchange, attempts: 0, deadlineMs: moment.nowMs })] });
  },
  inventory: ({ signal: { packages } }) =>
    decision({ effects: [{ kind: 'send-inventory', packages }] }),
};

export function onSignal<K extends Signal['kind']>(
  settings: Settings,
  before: RviAgentState,
  state: RviAgentState,
  signal: Of<K>,
  moment: Moment,
): Decision {
  const kind: K = signal.kind;
  return table[kind]({ settings, before, state, signal, moment });
}

/** Messages of the last process may be lost: all are due as soon as there is a link. */
function onBooted(settings: Settings, { core, backend }: RviAgentState, nowMs: number): Decision {
  const each = [...core.packages.values()].flatMap((one) =>
    bootNote(settings, backend, one, nowMs),
  );
  return decision({ notes: [...waitNote(settings, nowMs), ...each] });
}

function bootNote(
  { rvi }: Settings,
  own: RviState,
  { id, phase }: Package,
  nowMs: number,
): readonly RviNote[] {
  if (phase.kind === 'reporting') {
    return [note(id, { ...reportingOf(own, id), deadlineMs: nowMs })];
  }
  if (phase.kind !== 'receiving') return [];
  const finishDeadlineMs = nowMs + rvi.finishTimeoutMs;
  return [note(id, { ...receivingOf(own, id), deadlineMs: nowMs, finishDeadlineMs })];
}

/** Space is reserved: the first ack makes the server send chunks. */
function onTransferReady({
  settings,
  state,
  signal: { id },
  moment,
}: Context<'transfer-ready'>): Decision {
  const one = packageIn(state.core, id, 'receiving');
  if (one === undefined) return nothing;
  const exchange = { ...receivingOf(state.backend, id), context: 'after-start' } as const;
  return tryNextMethod(settings, state, one, moment, exchange);
}

/** An accepted package is requested again later. */
function onTransferPostponed({
  state: { core, backend },
  signal: { id },
  moment,
}: Context<'transfer-postponed'>): Decision {
  if (packageIn(core, id, 'accepted') === undefined) return nothing;
  const delayMs = backoffMs(2, startRetryDelayMsMin, startRetryDelayMsMax, moment.random);
  const exchange = { ...startingOf(backend, id), deadlineMs: moment.nowMs + delayMs };
  return decision({ notes: [note(id, exchange)] });
}
