// Selects the messages that `make backend` prints: of the chunks and acks of a large package the
// first ones, one for each tenth, and the last. All other messages are printed.
import { isBody } from './dialect.ts';
import type { SeenMessage } from './seen.ts';

export type Thinning = {
  isShown(message: SeenMessage): boolean;
  /** Starts again, so that the first messages are printed again. */
  beginAnew(): void;
};

export function createThinning(chunksCount: number, steps: number): Thinning {
  const firstCount = 2;
  let counts = new Map<string, number>();
  let last = new Map<string, number>();

  return {
    isShown({ service, parameters, ignored }) {
      if (service !== '/sota/chunk' && service !== '/sota/ack') return true;
      if (ignored !== undefined) return true;
      const count = (counts.get(service) ?? 0) + 1;
      counts.set(service, count);
      const at = positionOf(parameters);
      const step = Math.floor((at * steps) / Math.max(1, chunksCount));
      const isNew = step !== (last.get(service) ?? 0);
      last.set(service, step);
      return count <= firstCount || at >= chunksCount || isNew;
    },
    beginAnew() {
      counts = new Map();
      last = new Map();
    },
  };
}

/** The index of a chunk; the last index of an ack. */
function positionOf(parameters: unknown): number {
  if (!isBody(parameters)) return 0;
  const { index, chunks } = parameters;
  return Number(index ?? /\d*$/.exec(String(chunks))?.[0] ?? 0);
}
