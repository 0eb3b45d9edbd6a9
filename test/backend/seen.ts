// Records the messages between vehicle and server in short form. It omits the bytes of chunks, so
// that a log of a large transfer stays small.
import { isBody } from './dialect.ts';

export type SeenMessage = {
  readonly atMs: number;
  /** `in`: from the vehicle to the server. */
  readonly direction: 'in' | 'out';
  readonly service: string;
  /** The head, without the bytes of a chunk; the chunks of an ack as text: `1-5,7`. */
  readonly parameters: unknown;
  /** The reason why the server ignored it. */
  readonly ignored?: string;
};

export function shortened(parameters: unknown): unknown {
  const list: readonly unknown[] = Array.isArray(parameters) ? parameters : [parameters];
  const head = list[0];
  if (!isBody(head)) return head;
  const { bytes: _, ...kept } = head;
  return Array.isArray(kept['chunks']) ? { ...kept, chunks: ranges(kept['chunks']) } : kept;
}

/** `1-5,7` for 1, 2, 3, 4, 5, 7; values that are no numbers stay unchanged. */
function ranges(chunks: readonly unknown[]): string {
  const parts: string[] = [];
  for (let at = 0; at < chunks.length; at++) {
    const first = chunks[at];
    let last = first;
    while (typeof last === 'number' && chunks[at + 1] === last + 1) {
      at += 1;
      last += 1;
    }
    const text = JSON.stringify(first) ?? 'nothing';
    parts.push(last === first ? text : `${text}-${String(last)}`);
  }
  return parts.join(',');
}
