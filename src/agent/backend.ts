// The backend of this agent, named here and in no other file outside of `backends/`: its policy,
// facts, connection and view, and the types that follow from them.
import { rviFacts } from '../backends/rvi/flash-facts.ts';
import { rvi } from '../backends/rvi/rvi.ts';
import { createPolicy } from './policy.ts';
import type { RviAgentState, RviEffect, RviEvent, RviFact } from '../backends/rvi/model.ts';
import type { Effect as CoreEffect, Event as CoreEvent, Fact as CoreFact } from '../core/events.ts';
import type { Tick } from './policy.ts';

export {
  createConnection,
  inventoryFilter,
  serverView,
  uuidOf,
} from '../backends/rvi/connection.ts';
export { createTransport } from '../backends/rvi/transport/create.ts';
export type { Connection } from '../backends/rvi/connection.ts';
export type { Transport } from '../backends/rvi/transport/transport.ts';

export const policy = createPolicy(rvi);
export const backendFacts = rviFacts;

export type State = RviAgentState;
export type Fact = CoreFact | RviFact;
export type Event = CoreEvent | RviEvent | Tick;
export type Effect = CoreEffect | RviEffect;
export type Decision = ReturnType<typeof policy.decide>;
