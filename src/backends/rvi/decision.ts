// Makers of decisions that contain facts, volatile facts and effects of RVI.
import { nothing } from '../../core/decision-helpers.ts';
import type { Decision } from './model.ts';

export { nothing };

export function decision(parts: Partial<Decision>): Decision {
  return { ...nothing, ...parts };
}

export function combine(...all: readonly Decision[]): Decision {
  return {
    writes: all.flatMap((one) => one.writes),
    facts: all.flatMap((one) => one.facts),
    notes: all.flatMap((one) => one.notes),
    effects: all.flatMap((one) => one.effects),
    signals: all.flatMap((one) => one.signals),
  };
}
