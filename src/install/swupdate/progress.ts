// The progress socket of SWUpdate: one struct after the other, in a layout that the first word only
// half tells. A layout is ruled out by a field that cannot be, or by a message that does not begin
// where it would have to; nothing is decoded until one is left.
import { textAt } from './ipc.ts';

export type Progress = {
  readonly status: number;
  readonly stepsCount: number;
  readonly step: number;
  readonly percent: number;
  readonly image: string;
  readonly info: string;
};

type Layout = {
  readonly sizeBytes: number;
  readonly stepsCount: number;
  readonly step: number;
  readonly percent: number;
  readonly image: number;
  readonly handler: number;
  readonly source: number;
  readonly infoLength: number;
  readonly info: number;
};

const [imageBytes, handlerBytes, infoBytes] = [256, 64, 2_048];

function layoutOf(sizeBytes: number, stepsCount: number): Layout {
  const image = stepsCount + 12;
  const handler = image + imageBytes;
  const source = handler + handlerBytes;
  const [infoLength, info] = [source + 4, source + 8];
  const [step, percent] = [stepsCount + 4, stepsCount + 8];
  return { sizeBytes, stepsCount, step, percent, image, handler, source, infoLength, info };
}

/** 2018.11 and 2019.11: no count of bytes. */
const old = layoutOf(2400, 12);
/** Since 2020.11 a 64-bit count at 16. */
const aligned = layoutOf(2416, 24);
/** The count at 12: i386 up to 2022.12, and everybody since 2025.12. */
const packed = layoutOf(2408, 20);

/** Up to 2022.12 the word was meant as a magic number, and left 0. */
const wordsOfOld: readonly number[] = [0, 0x1405_2001];
const candidatesOf: ReadonlyMap<number, readonly Layout[]> = new Map<number, readonly Layout[]>([
  ...wordsOfOld.map((word) => [word, [aligned, packed, old]] as const),
  [0x1_0000, [aligned]],
  [0x2_0000, [aligned, packed]],
]);

/** What cannot be decided by then is somebody else's. */
const messagesUndecidedMax = 16;

export type ProgressDecoder = {
  /** The messages that are complete and understood. */
  push(data: Uint8Array): readonly Progress[];
  /** It cannot be understood, and will not be. */
  isLost(): boolean;
};

export function createProgressDecoder(): ProgressDecoder {
  let held = Buffer.alloc(0);
  let candidates: readonly Layout[] | undefined;
  let isGreeted = false;
  let isLost = false;

  function push(data: Uint8Array): readonly Progress[] {
    if (isLost) return [];
    held = Buffer.concat([held, data]);
    if ((!isGreeted && !greet()) || held.length < 4) return [];
    candidates = narrowed(candidates ?? candidatesOf.get(held.readUInt32LE(0)) ?? []);
    const [layout, ...others] = candidates;
    const isEndless = held.length > messagesUndecidedMax * aligned.sizeBytes;
    isLost = layout === undefined || (others.length > 0 && isEndless);
    if (isLost) held = Buffer.alloc(0);
    return layout === undefined || others.length > 0 ? [] : takeAll(layout);
  }

  /** Since 2024.12 it says api and "ACK" first. */
  function greet(): boolean {
    if (held.length < 8) return false;
    isGreeted = true;
    if (held.toString('latin1', 4, 8) === 'ACK\0') held = held.subarray(8);
    return true;
  }

  function narrowed(known: readonly Layout[]): readonly Layout[] {
    const fitting = known.filter(fits);
    if (!wordsOfOld.includes(held.readUInt32LE(0))) return fitting;
    // Little in these tells them apart; but each message is one send, and a read ends with one.
    const exact = fitting.filter(({ sizeBytes }) => held.length % sizeBytes === 0);
    return exact.length === 1 ? exact : fitting;
  }

  function fits(layout: Layout): boolean {
    for (let at = 0; at + 4 <= held.length; at += layout.sizeBytes) {
      if (held.readUInt32LE(at) !== held.readUInt32LE(0)) return false;
      const message = held.subarray(at, at + layout.sizeBytes);
      if (message.length === layout.sizeBytes && !isPossible(message, layout)) return false;
    }
    return true;
  }

  function takeAll(layout: Layout): readonly Progress[] {
    const taken: Progress[] = [];
    while (held.length >= layout.sizeBytes) {
      taken.push(decode(held.subarray(0, layout.sizeBytes), layout));
      held = held.subarray(layout.sizeBytes);
    }
    return taken;
  }

  return { push, isLost: () => isLost };
}

function isPossible(data: Buffer, layout: Layout): boolean {
  const below = (offset: number, max: number) => data.readUInt32LE(offset) <= max;
  const infoLengthBytes = data.readUInt32LE(layout.infoLength);
  // Some count the zero at its end.
  const info = data.subarray(layout.info, layout.info + Math.max(0, infoLengthBytes - 1));
  return (
    below(4, 15) &&
    below(8, 100) &&
    below(layout.stepsCount, 65_535) &&
    below(layout.step, 65_536) &&
    below(layout.percent, 100) &&
    below(layout.source, 31) &&
    infoLengthBytes <= infoBytes &&
    !info.includes(0) &&
    isText(data.subarray(layout.image, layout.image + imageBytes)) &&
    isText(data.subarray(layout.handler, layout.handler + handlerBytes))
  );
}

/** Behind the zero stands what was there before. */
function isText(field: Buffer): boolean {
  const end = field.indexOf(0);
  return end !== -1 && field.subarray(0, end).every((byte) => byte >= 0x20);
}

function decode(data: Buffer, layout: Layout): Progress {
  const infoLengthBytes = data.readUInt32LE(layout.infoLength);
  return {
    status: data.readInt32LE(4),
    stepsCount: data.readUInt32LE(layout.stepsCount),
    step: data.readUInt32LE(layout.step),
    percent: data.readUInt32LE(layout.percent),
    image: textAt(data, layout.image, imageBytes),
    info: textAt(data, layout.info, infoLengthBytes),
  };
}

/** Of the whole update: each step counts the same. Undefined while the steps are not known. */
export function percentOf({ stepsCount, step, percent }: Progress): number | undefined {
  if (stepsCount === 0) return undefined;
  const done = Math.max(0, step - 1) * 100 + percent;
  return Math.min(100, Math.floor(done / stepsCount));
}
