// The contract between the core and a server protocol. A backend turns its server's messages into
// calls of the core (core/offers, core/transfers, core/outcome), and receives signals from the
// core. It has its own facts, state and deadlines; the agent commits them in the same journal.
// Types only.
import type {
  Deadline,
  DecisionOf,
  Effect,
  Fact,
  Moment,
  Signal,
  VolatileFact,
} from '../core/events.ts';
import type { State } from '../core/model.ts';
import type { Settings } from '../settings.ts';

type Kind = { readonly kind: string };

/** The state of the core, and that of the backend. */
export type AgentState<Own> = { readonly core: State; readonly backend: Own };

/** `O`: the backend's own facts, volatile facts, events and effects. */
export type Kinds = {
  readonly fact: Kind;
  readonly note: Kind;
  readonly event: Kind;
  readonly effect: Kind;
};

export type BackendDecision<O extends Kinds> = DecisionOf<
  Fact | O['fact'],
  VolatileFact | O['note'],
  Effect | O['effect']
>;

export type Act<Own, O extends Kinds> = (
  settings: Settings,
  state: AgentState<Own>,
  moment: Moment,
) => BackendDecision<O>;

/** The pure half of a backend. */
export type Backend<Own, O extends Kinds> = {
  readonly initial: Own;
  /**
   * Folds each fact, including those of the core: `before` and `after` are the core's states. With
   * these a backend stores which server offered a package, and drops an exchange that has ended.
   */
  apply(own: Own, fact: Fact | O['fact'], before: State, after: State): Own;
  applyNote(own: Own, note: O['note']): Own;
  decide(
    settings: Settings,
    state: AgentState<Own>,
    event: O['event'],
    moment: Moment,
  ): BackendDecision<O>;
  /** `before`: the state before the event; `state`: after the decisions made so far. */
  onSignal(
    settings: Settings,
    before: AgentState<Own>,
    state: AgentState<Own>,
    signal: Signal,
    moment: Moment,
  ): BackendDecision<O>;
  deadlines(state: AgentState<Own>): readonly Deadline<Act<Own, O>>[];
  /** Returns the facts that, after those of the core, replay to the same state; for compaction. */
  snapshot(state: AgentState<Own>): readonly O['fact'][];
};
