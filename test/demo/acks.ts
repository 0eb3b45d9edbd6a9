// The acks of a session, as the server saw them.
import { isBody } from '../backend/dialect.ts';
import type { SeenMessage } from '../backend/seen.ts';

export type Acked = { readonly chunks: string; readonly atMs: number };

/** Every ack with what it lists, `1-128`. */
export function acksOf(log: readonly SeenMessage[]): readonly Acked[] {
  return log.flatMap(({ service, parameters, atMs }) =>
    service === '/sota/ack' && isBody(parameters)
      ? [{ chunks: String(parameters['chunks']), atMs }]
      : [],
  );
}
