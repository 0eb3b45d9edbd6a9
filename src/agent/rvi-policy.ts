// The policy of an agent with an RVI server, and its types.
import { rvi } from '../backends/rvi/rvi.ts';
import { createPolicy } from './policy.ts';
import type { Effect as CoreEffect, Event as CoreEvent, Fact as CoreFact } from '../core/events.ts';
import type { RviEffect, RviEvent, RviFact } from '../backends/rvi/model.ts';
import type { RviAgentState } from '../backends/rvi/model.ts';
import type { Tick } from './policy.ts';

export const policy = createPolicy(rvi);

export type State = RviAgentState;
export type Fact = CoreFact | RviFact;
export type Event = CoreEvent | RviEvent | Tick;
export type Effect = CoreEffect | RviEffect;
export type Decision = ReturnType<typeof policy.decide>;
