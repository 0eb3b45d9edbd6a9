// Returns the acks of a session, as the server received them.
import { isBody } from '../backend/dialect.ts';
import type { SeenMessage } from '../backend/seen.ts';

export type Acked = { readonly chunks: string; readonly atMs: number };

/** Returns each ack with its list, such as `1-128`. */
export function acksOf(log: readonly SeenMessage[]): readonly Acked[] {
  return log.flatMap(({ service, parameters, atMs }) =>
    service === '/sota/ack' && isBody(parameters)
      ? [{ chunks: String(parameters['chunks']), atMs }]
      : [],
  );
}
