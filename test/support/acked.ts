// Compares the chunks that were acked with the agent's storage directory. Each acked chunk must be
// stored, and have the right bytes; a package may be missing only if its outcome is on flash.
import { journalFold } from '../../src/agent/journal-fold.ts';
import { policy } from '../../src/agent/backend.ts';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { keyOf, transferOf } from '../../src/core/decision-helpers.ts';
import { hasChunk } from '../../src/core/chunk-set.ts';
import { createBackend } from '../backend/backend.ts';
import { isBody } from '../backend/dialect.ts';
import { chunkBytes } from '../backend/package.ts';
import { decodeJournal } from './decode-journal.ts';
import type { State } from '../../src/agent/backend.ts';
import type { Backend, BackendOptions } from '../backend/backend.ts';
import type { PackageId, ServerPackage } from '../backend/package.ts';

export type Told = {
  readonly id: PackageId;
  readonly data: Buffer;
  /** Every chunk that any ack acknowledged. */
  readonly acked: ReadonlySet<number>;
};

export type Verdict = {
  /** The number of checked chunks. */
  readonly checked: number;
  /** The violations, a sentence each. */
  readonly violations: readonly string[];
};

/**
 * A backend that offers `one` to each agent that registers before the first ack. The reason is that
 * only an operator repeats a lost notify. `acked` collects the acked indices.
 */
export function createNoting(
  options: Pick<BackendOptions, 'transport' | 'onRegistered'>,
  one: ServerPackage,
  acked: Set<number>,
): Backend {
  const backend = createBackend({
    ...options,
    fault: ({ service, parameters }) => {
      if (service.endsWith('/sota/ack')) noteAck(parameters, acked);
      return { kind: 'pass' };
    },
    onRegistered: (service) => {
      options.onRegistered?.(service);
      if (service.endsWith('abort') && acked.size === 0) backend.server.notify([one]);
    },
  });
  return backend;
}

/**
 * The chunks that an ack acknowledges: a list that does not begin with 1 ends at the last chunk
 * before the first gap, and stands for all chunks up to it (protocol 2.4).
 */
export function acknowledged(listed: readonly unknown[]): readonly number[] {
  const indexes = listed.filter((index) => typeof index === 'number');
  const [first = 0] = indexes;
  const last = indexes.at(-1) ?? 0;
  return first > 1 ? Array.from({ length: last }, (_, at) => at + 1) : indexes;
}

/** Adds the chunks that the parameters of an ack acknowledge. */
export function noteAck(parameters: unknown, acked: Set<number>): void {
  const body: unknown = Array.isArray(parameters) ? parameters[0] : parameters;
  const chunks = isBody(body) ? body['chunks'] : undefined;
  if (!Array.isArray(chunks)) return;
  for (const index of acknowledged(chunks)) acked.add(index);
}

/** Returns the state of the journal there; the initial state if there is none. */
export function stateIn(storage: string): State {
  const journal = join(storage, 'journal');
  const bytes = existsSync(journal) ? readFileSync(journal) : Buffer.alloc(0);
  return policy.replay(decodeJournal(journalFold, bytes).facts);
}

export function inspectStorage(storage: string, { id, data, acked }: Told): Verdict {
  if (acked.size === 0) return { checked: 0, violations: [] };
  const state = stateIn(storage);
  const one = state.core.packages.get(keyOf(id));
  const transfer = one === undefined ? undefined : transferOf(one);
  if (transfer === undefined) {
    const isSettled = [...state.core.history.values()].some(
      ({ outcome }) => outcome === 'installed',
    );
    const lost = `${acked.size} acked chunks, and no transfer that holds them`;
    return { checked: 0, violations: isSettled ? [] : [lost] };
  }
  const file = join(storage, 'packages', String(transfer.number), 'data');
  const kept = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  const violations: string[] = [];
  for (const index of acked) {
    const [from, to] = [(index - 1) * chunkBytes, Math.min(index * chunkBytes, data.length)];
    if (!hasChunk(transfer.chunks, index))
      violations.push(`chunk ${index} was acked and is not held`);
    else if (!kept.subarray(from, to).equals(data.subarray(from, to))) {
      violations.push(`chunk ${index} was acked and reads back wrong`);
    }
  }
  return { checked: acked.size, violations };
}
