// Combines the core and a backend. The owner of an event decides it. Signals between core and
// backend are decided in the same commit.
import { applyNote as applyCoreNote, isCoreNote } from '../core/apply-volatile.ts';
import { apply as applyCore, initialState, isCoreFact } from '../core/apply.ts';
import { deadlines as coreDeadlines } from '../core/deadlines.ts';
import { decide as decideCore, isCoreEvent } from '../core/decide.ts';
import { combine, nothing } from '../core/decision-helpers.ts';
import { snapshot as coreSnapshot } from '../core/snapshot.ts';
import { assert } from '../assert.ts';
import type { Act, AgentState, Backend, BackendDecision, Kinds } from '../backends/backend.ts';
import type { Deadline, Event, Fact, Moment, VolatileFact } from '../core/events.ts';
import type { Settings } from '../settings.ts';

export type Tick = { readonly kind: 'tick' };

/** The pure functions that the event loop calls, over the whole state. */
export type Policy<Own, O extends Kinds> = {
  readonly initial: AgentState<Own>;
  apply(state: AgentState<Own>, fact: Fact | O['fact']): AgentState<Own>;
  applyAll(
    state: AgentState<Own>,
    facts: readonly (Fact | O['fact'])[],
    notes?: readonly (VolatileFact | O['note'])[],
  ): AgentState<Own>;
  replay(facts: Iterable<Fact | O['fact']>): AgentState<Own>;
  snapshot(state: AgentState<Own>): readonly (Fact | O['fact'])[];
  decide(
    settings: Settings,
    state: AgentState<Own>,
    event: Event | O['event'] | Tick,
    moment: Moment,
  ): BackendDecision<O>;
  /** Decides, and folds the facts and notes of the decision into the state. */
  step(
    settings: Settings,
    state: AgentState<Own>,
    event: Event | O['event'] | Tick,
    moment: Moment,
  ): { readonly decided: BackendDecision<O>; readonly next: AgentState<Own> };
  deadlines(state: AgentState<Own>): readonly Deadline<Act<Own, O>>[];
  nextDueMs(state: AgentState<Own>): number | undefined;
};

/** The maximum rounds of signals for one event. */
const roundsMax = 8;

export function createPolicy<Own, O extends Kinds>(backend: Backend<Own, O>): Policy<Own, O> {
  type State = AgentState<Own>;
  type Decision = BackendDecision<O>;
  const initial: State = { core: initialState, backend: backend.initial };

  function apply(state: State, fact: Fact | O['fact']): State {
    const core = isCoreFact(fact) ? applyCore(state.core, fact) : state.core;
    return { core, backend: backend.apply(state.backend, fact, state.core, core) };
  }

  function applyNote(state: State, note: VolatileFact | O['note']): State {
    if (isCoreNote(note)) return { ...state, core: applyCoreNote(state.core, note) };
    return { ...state, backend: backend.applyNote(state.backend, note) };
  }

  function applyAll(
    state: State,
    facts: readonly (Fact | O['fact'])[],
    notes: readonly (VolatileFact | O['note'])[] = [],
  ): State {
    return notes.reduce(applyNote, facts.reduce(apply, state));
  }

  function replay(facts: Iterable<Fact | O['fact']>): State {
    let state = initial;
    for (const fact of facts) state = apply(state, fact);
    return state;
  }

  function step(
    settings: Settings,
    state: State,
    event: Event | O['event'] | Tick,
    moment: Moment,
  ): { readonly decided: Decision; readonly next: State } {
    let decided = first(settings, state, event, moment);
    let { signals } = decided;
    let now = applyAll(state, decided.facts, decided.notes);
    for (let round = 0; signals.length > 0; round += 1) {
      assert(round < roundsMax, 'core and backend signal each other without end');
      const [signal, ...later] = signals;
      if (signal === undefined) break;
      const more = backend.onSignal(settings, state, now, signal, moment);
      now = applyAll(now, more.facts, more.notes);
      // The server waits for what the backend sends; the device can wait.
      const effects = [...more.effects, ...decided.effects];
      decided = { ...combine(decided, more), effects };
      signals = [...later, ...more.signals];
    }
    return { decided: { ...decided, signals: [] }, next: now };
  }

  const decide: Policy<Own, O>['decide'] = (...given) => step(...given).decided;

  function first(
    settings: Settings,
    state: State,
    event: Event | O['event'] | Tick,
    moment: Moment,
  ): Decision {
    if (isTick(event)) return onTick(settings, state, moment);
    if (isCoreEvent(event)) return decideCore(settings, state.core, event, moment);
    return backend.decide(settings, state, event, moment);
  }

  /** Handles the first deadline that has passed. The event loop ticks again while one is due. */
  function onTick(settings: Settings, state: State, moment: Moment): Decision {
    const due = deadlines(state).find(({ dueMs }) => dueMs <= moment.nowMs);
    return due === undefined ? nothing : due.act(settings, state, moment);
  }

  function deadlines(state: State): readonly Deadline<Act<Own, O>>[] {
    const core = coreDeadlines(state.core).map((one) => ({
      ...one,
      act: (settings: Settings, now: State, moment: Moment) => one.act(settings, now.core, moment),
    }));
    return [...core, ...backend.deadlines(state)];
  }

  function nextDueMs(state: State): number | undefined {
    const all = deadlines(state).map(({ dueMs }) => dueMs);
    return all.length === 0 ? undefined : Math.min(...all);
  }

  const snapshot = (state: State) => [...coreSnapshot(state.core), ...backend.snapshot(state)];

  return { initial, apply, applyAll, replay, snapshot, decide, step, deadlines, nextDueMs };
}

function isTick(event: { readonly kind: string }): event is Tick {
  return event.kind === 'tick';
}
