// Tells the messages of a session: all but the chunks and acks in the middle, which the bar shows.
import { isBody } from '../backend/dialect.ts';
import { lineOf } from '../backend/show.ts';
import type { ServerPackage } from '../backend/package.ts';
import type { SeenMessage } from '../backend/seen.ts';
import type { Screen } from './screen.ts';

export type Narrator = {
  readonly seen: (message: SeenMessage) => void;
  /** The first ones are told again. */
  beginAnew(): void;
};

export type Acked = { readonly chunks: string; readonly atMs: number };

/** Messages of a kind that are told before the bar has to do. */
const toldMax = 2;

export function createNarrator(screen: Screen, one: ServerPackage): Narrator {
  let times = new Map<string, number>();

  function isTold({ service, parameters }: SeenMessage): boolean {
    if (service !== '/sota/chunk' && service !== '/sota/ack') return true;
    const count = (times.get(service) ?? 0) + 1;
    times.set(service, count);
    return count <= toldMax || isLast(parameters);
  }

  function isLast(parameters: unknown): boolean {
    if (!isBody(parameters)) return false;
    const { index, chunks } = parameters;
    return index === one.chunksCount || chunks === `1-${one.chunksCount}`;
  }

  return {
    seen: (message) => {
      if (isTold(message)) screen.tell(lineOf(message, [one]));
    },
    beginAnew: () => {
      times = new Map();
    },
  };
}

/** Every ack with what it lists, `1-128`. */
export function acksOf(log: readonly SeenMessage[]): readonly Acked[] {
  return log.flatMap(({ service, parameters, atMs }) =>
    service === '/sota/ack' && isBody(parameters)
      ? [{ chunks: String(parameters['chunks']), atMs }]
      : [],
  );
}
