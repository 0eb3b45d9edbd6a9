// Makers of decisions that contain facts, volatile facts and effects of RVI.
import { combine as combineAll, nothing } from '../../core/decision-helpers.ts';
import type { Decision } from './model.ts';

export { nothing };

export function decision(parts: Partial<Decision>): Decision {
  return { ...nothing, ...parts };
}

export const combine: (...all: readonly Decision[]) => Decision = combineAll;
