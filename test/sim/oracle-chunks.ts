// Part of the oracle: acked chunks are durable, a start relies on nothing that is not on flash, and
// no more chunks are sent again than the interruptions explain.
import { keyOf, historyKeyOf, transferOf } from '../../src/core/decision-helpers.ts';
import { hasChunk } from '../../src/core/chunk-set.ts';
import { chunkBytes } from '../backend/package.ts';
import { acknowledged } from '../support/acked.ts';
import { find } from './disk.ts';
import { readFile } from './flash.ts';
import { wordOf } from './installers.ts';
import { packageIn } from './oracle.ts';
import { directory } from './settings.ts';
import type { PackageId, Transfer } from '../../src/core/model.ts';
import type { State } from '../../src/agent/backend.ts';
import type { Body } from '../backend/dialect.ts';
import type { DirectoryNode } from './flash.ts';
import type { Journey } from './journeys.ts';

export type ChunkOptions = {
  readonly journey: Journey;
  readonly root: DirectoryNode;
  readonly state: () => State | undefined;
  readonly violate: (what: string) => void;
};

/** What the agent acked for one transfer; the server may rely on it. */
type Promised = {
  readonly number: number;
  readonly id: PackageId;
  readonly checksum: string;
  readonly chunks: Set<number>;
  /**
   * True if it is void: after an abort or another file from the server, or after damage of the
   * medium.
   */
  isReleased: boolean;
};

export function createChunkOracle({ journey, root, state, violate }: ChunkOptions) {
  const promised = new Map<number, Promised>();
  const rotten = new Set<string>();
  /** How often each chunk reached the agent, by transfer. */
  const delivered = new Map<number, Map<number, number>>();
  const files = [...journey.packages, ...(journey.others ?? [])];
  const isSingle = journey.conditions?.kind === 'single';
  let chunksAgain = 0;
  let isRefusing = false;
  /** How many chunks may have come again until this moment. */
  let excused = 0;

  function onAck(value: unknown, chunks: unknown): void {
    const one = packageIn(state(), value);
    const listed: readonly unknown[] = Array.isArray(chunks) ? chunks : [];
    const transfer = one === undefined ? undefined : transferOf(one);
    // Chunk 0 does not exist: an ack of it for a package that was not started has no meaning.
    const isZero = transfer === undefined && listed.length === 1 && listed[0] === 0;
    const isWhole = listed.length === 0 || listed.includes(1) || isTail(listed);
    if (!isWhole && !isZero && !(isSingle && listed.length === 1)) {
      violate(`an ack without chunk 1: ${String(listed)}`);
    }
    if (one === undefined || transfer === undefined) {
      if (listed.length > 0 && !isZero) violate(`an ack of nothing: ${JSON.stringify(value)}`);
      return;
    }
    const { number, checksum } = transfer;
    const entry = promised.get(number) ?? {
      number,
      id: one.id,
      checksum,
      chunks: new Set<number>(),
      isReleased: false,
    };
    promised.set(number, entry);
    for (const index of acknowledged(listed)) {
      if (!entry.chunks.has(index) && !isRight(entry, index)) {
        violate(`chunk ${index} of ${number}: acked, and not there`);
      }
      entry.chunks.add(index);
    }
  }

  function onDelivered(service: string, body: Body): void {
    if (service === '/sota/abort') return release('all');
    const one = packageIn(state(), body['package']);
    const transfer = one === undefined ? undefined : transferOf(one);
    if (transfer === undefined) return;
    const { number, checksum } = transfer;
    if (service === '/sota/start') {
      // Old servers begin with chunk 1 even if chunks are stored (protocol 2.4).
      if (body['checksum'] === checksum) excused += 1;
      else release(number);
    }
    if (service !== '/sota/chunk') return;
    const times = delivered.get(number) ?? new Map<number, number>();
    delivered.set(number, times);
    const index = Number(body['index']);
    times.set(index, (times.get(index) ?? 0) + 1);
    if ((times.get(index) ?? 0) === 1) return;
    chunksAgain += 1;
    if (isRefusing) excused += 1;
  }

  /**
   * Chunks in flight or in the interrupted batch are sent again. So is one chunk of each transfer
   * if only `[]` had advanced the server before (protocol 2.4, "First ack").
   */
  function onGone(): void {
    isRefusing = false;
    for (const one of state()?.core.packages.values() ?? []) {
      const number = transferOf(one)?.number;
      if (number === undefined) continue;
      excused += 1;
      const known = promised.get(number)?.chunks;
      for (const index of delivered.get(number)?.keys() ?? []) {
        if (known?.has(index) !== true) excused += 1;
      }
    }
  }

  /** A full disk refuses the incoming chunk: the server sends it again. */
  function onChunkRefused(): void {
    excused += 1;
  }

  function onStorage(now: 'refuses' | 'works'): void {
    isRefusing = now === 'refuses';
  }

  function release(what: number | 'all'): void {
    for (const one of promised.values()) {
      if (what === 'all' || what === one.number) one.isReleased = true;
    }
  }

  function onBoot(now: State): void {
    for (const one of promised.values()) if (!one.isReleased) check(now, one);
    for (const one of now.core.packages.values()) {
      const transfer = transferOf(one);
      if (transfer !== undefined) checkFlash(one.id, transfer);
    }
  }

  /** Before the first ack of a start, each chunk that it may list is on flash. */
  function checkFlash(id: PackageId, { number, chunks, chunksCount }: Transfer): void {
    for (let index = 1; index <= Math.max(1, chunksCount); index += 1) {
      if (!hasChunk(chunks, index) || isRight({ number, id }, index, 'durable')) continue;
      violate(`chunk ${index} of ${number}: stored after a start, and not on flash`);
    }
  }

  function check(now: State, entry: Promised): void {
    const { number, id, checksum, chunks } = entry;
    const one = [...now.core.packages.values()].find((each) => transferOf(each)?.number === number);
    const transfer = one === undefined ? undefined : transferOf(one);
    if (transfer === undefined) {
      const outcome = now.core.history.get(historyKeyOf(id, checksum))?.outcome;
      const isSettled = outcome === 'installed' || outcome === 'failed';
      const isVoid = now.core.packages.get(keyOf(id))?.phase.kind === 'reporting';
      if (chunks.size > 0 && !isSettled && !isVoid) {
        violate(`transfer ${number} of ${wordOf(id)} is lost: ${[...chunks].join(' ')}`);
      }
      return;
    }
    for (const index of chunks) {
      if (rotten.has(`${number} ${index}`)) continue;
      if (!hasChunk(transfer.chunks, index))
        violate(`chunk ${index} of ${number}: acked and forgotten`);
      else if (!isRight(entry, index)) violate(`chunk ${index} of ${number}: acked and wrong`);
    }
  }

  function isRight(
    { number, id }: Pick<Promised, 'number' | 'id'>,
    index: number,
    image: 'current' | 'durable' = 'current',
  ): boolean {
    const file = find(root, `${directory}/packages/${number}/data`);
    if (rotten.has(`${number} ${index}`)) return true;
    if (file?.kind !== 'file') return false;
    // A chunk does not identify its file: after an interruption it may belong to the replacement.
    const contents = files.filter(({ one }) => keyOf(one.id) === keyOf(id));
    return contents.some(({ data }) => {
      const wanted = data.subarray((index - 1) * chunkBytes, index * chunkBytes);
      const found = readFile(file[image], (index - 1) * chunkBytes, wanted.length);
      return Buffer.compare(found, wanted) === 0;
    });
  }

  /** A chunk that the disk refused comes again, perhaps with chunk 1, as after an interruption. */
  function onEnd(faults: number): void {
    if (journey.mayRepeat === true || journey.isRough === true) return;
    const most = excused + 2 * faults + rotten.size + (journey.learningMax ?? 0);
    if (chunksAgain > most) violate(`${chunksAgain} chunks came again, not ${most}`);
  }

  return {
    onAck,
    onDelivered,
    onGone,
    onChunkRefused,
    onStorage,
    onBoot,
    onEnd,
    forget: () => release('all'),
    rot: (number: number, chunkIndex: number) => void rotten.add(`${number} ${chunkIndex}`),
    chunksAgain: () => chunksAgain,
  };
}

/** The last two chunks before the first gap. */
function isTail(listed: readonly unknown[]): boolean {
  return listed.length === 2 && Number(listed[1]) === Number(listed[0]) + 1;
}
