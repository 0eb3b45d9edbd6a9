// The contract between the core and a server protocol. A backend turns what its server sends into
// calls of the core (core/offers, core/transfers, core/outcome), hears of the core by signals, and
// brings facts, state and deadlines of its own; one shell commits them in the same journal. Types
// only.
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

/** What the agent knows: the state of the core, and that of the backend. */
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
   * Folds each fact, also those of the core: `before` and `after` are the core's state around it. A
   * backend so remembers which server offered a package, and forgets an exchange that is over.
   */
  apply(own: Own, fact: Fact | O['fact'], before: State, after: State): Own;
  applyNote(own: Own, note: O['note']): Own;
  decide(
    settings: Settings,
    state: AgentState<Own>,
    event: O['event'],
    moment: Moment,
  ): BackendDecision<O>;
  /** `before`: the state that the event met; `state`: with what was decided since. */
  onSignal(
    settings: Settings,
    before: AgentState<Own>,
    state: AgentState<Own>,
    signal: Signal,
    moment: Moment,
  ): BackendDecision<O>;
  deadlines(state: AgentState<Own>): readonly Deadline<Act<Own, O>>[];
  /** The fewest facts that, after those of the core, replay to the same state. */
  snapshot(state: AgentState<Own>): readonly O['fact'][];
};
