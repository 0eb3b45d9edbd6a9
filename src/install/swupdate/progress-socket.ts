// The progress socket of a SWUpdate daemon: it sends structs, one after the other, and reads
// nothing (installers 1.6). The first word does not determine the layout of a struct. A layout is
// excluded by a value that is impossible, or by a message that does not begin where its predecessor
// ends; nothing is decoded before one layout is left.
import { terminatedText } from '../byte-stream.ts';
import { connect } from './connection.ts';
import { statusFailure, statusSuccess } from './control-socket.ts';
import type { SocketPorts } from './connection.ts';

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
const oldest = layoutOf(2400, 12);
/** Since 2020.11: a 64-bit count at 16. */
const aligned = layoutOf(2416, 24);
/** The count at 12: i386 up to 2022.12, and all since 2025.12. */
const packed = layoutOf(2408, 20);

/** Up to 2022.12 the first word is a magic number, and in practice 0. */
const magicWords: readonly number[] = [0, 0x1405_2001];
const candidatesOf: ReadonlyMap<number, readonly Layout[]> = new Map<number, readonly Layout[]>([
  ...magicWords.map((word) => [word, [aligned, packed, oldest]] as const),
  [0x1_0000, [aligned]],
  [0x2_0000, [aligned, packed]],
]);

/** If several layouts are left after as many messages, it is not the socket of SWUpdate. */
const messagesUndecidedMax = 16;

export type ProgressDecoder = {
  /** Returns the messages that are complete. */
  push(data: Uint8Array): readonly Progress[];
  /** True: no layout fits. */
  isLost(): boolean;
};

export function createProgressDecoder(): ProgressDecoder {
  let received = Buffer.alloc(0);
  let candidates: readonly Layout[] | undefined;
  let hasGreeting = false;
  let isLost = false;

  function push(data: Uint8Array): readonly Progress[] {
    if (isLost) return [];
    received = Buffer.concat([received, data]);
    if ((!hasGreeting && !takeGreeting()) || received.length < 4) return [];
    candidates = narrowed(candidates ?? candidatesOf.get(received.readUInt32LE(0)) ?? []);
    const [layout, ...others] = candidates;
    const isTooLong = received.length > messagesUndecidedMax * aligned.sizeBytes;
    isLost = layout === undefined || (others.length > 0 && isTooLong);
    if (isLost) received = Buffer.alloc(0);
    return layout === undefined || others.length > 0 ? [] : takeAll(layout);
  }

  /** Since 2024.12 the daemon sends its version and "ACK" first. */
  function takeGreeting(): boolean {
    if (received.length < 8) return false;
    hasGreeting = true;
    if (received.toString('latin1', 4, 8) === 'ACK\0') received = received.subarray(8);
    return true;
  }

  function narrowed(known: readonly Layout[]): readonly Layout[] {
    const fitting = known.filter(fits);
    if (!magicWords.includes(received.readUInt32LE(0))) return fitting;
    // Few values distinguish these. But the daemon sends a message at once, so that the data end
    // with a message.
    const exact = fitting.filter(({ sizeBytes }) => received.length % sizeBytes === 0);
    return exact.length === 1 ? exact : fitting;
  }

  function fits(layout: Layout): boolean {
    for (let at = 0; at + 4 <= received.length; at += layout.sizeBytes) {
      if (received.readUInt32LE(at) !== received.readUInt32LE(0)) return false;
      const message = received.subarray(at, at + layout.sizeBytes);
      if (message.length === layout.sizeBytes && !isPossible(message, layout)) return false;
    }
    return true;
  }

  function takeAll(layout: Layout): readonly Progress[] {
    const taken: Progress[] = [];
    while (received.length >= layout.sizeBytes) {
      taken.push(decode(received.subarray(0, layout.sizeBytes), layout));
      received = received.subarray(layout.sizeBytes);
    }
    return taken;
  }

  return { push, isLost: () => isLost };
}

/** Returns false for values that no release sends: at 4 is the status, at 8 a percentage. */
function isPossible(data: Buffer, layout: Layout): boolean {
  const below = (offset: number, max: number) => data.readUInt32LE(offset) <= max;
  const infoLengthBytes = data.readUInt32LE(layout.infoLength);
  // Some releases count the zero at the end.
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

/** After the zero there may be an older text. */
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
    image: terminatedText(data, layout.image, imageBytes).trim(),
    info: terminatedText(data, layout.info, infoLengthBytes).trim(),
  };
}

/** Returns the percentage of all steps; undefined while their count is unknown. */
export function percentOf({ stepsCount, step, percent }: Progress): number | undefined {
  if (stepsCount === 0) return undefined;
  const done = Math.max(0, step - 1) * 100 + percent;
  return Math.min(100, Math.floor(done / stepsCount));
}

// ---------------------------------------------------------------- one install

const statusStart = 1;

export type Follower = {
  /** The START of this install was received. */
  isStarted(): boolean;
  /** Undefined: the install has not ended. */
  verdict(): 'success' | 'failure' | undefined;
  isClosed(): boolean;
  close(): void;
};

/**
 * Follows one install to its end. Reads all messages, because the daemon blocks when they are not
 * read. `info` is the text in the START of this install: all before it belongs to other installs.
 * Undefined: there are no others. Returns undefined if the socket does not accept connections.
 */
export async function follow(
  ports: SocketPorts,
  directory: string,
  info: string | undefined,
  onProgress: (percent: number, text: string) => void,
): Promise<Follower | undefined> {
  const connected = await connect(ports, `${directory}/swupdateprog`);
  if (!connected.ok) return undefined;
  const connection = connected.value;
  const decoder = createProgressDecoder();
  let isStarted = info === undefined;
  let verdict: 'success' | 'failure' | undefined;
  let reported = -1;

  function take(message: Progress): void {
    if (message.status === statusStart && message.info === info) isStarted = true;
    if (!isStarted || verdict !== undefined) return;
    if (message.status === statusSuccess) verdict = 'success';
    if (message.status === statusFailure) verdict = 'failure';
    const percent = percentOf(message);
    if (percent === undefined || percent <= reported) return;
    reported = percent;
    onProgress(percent, message.image);
  }

  connection.listen((data) => {
    for (const message of decoder.push(data)) take(message);
  });
  return {
    isStarted: () => isStarted,
    verdict: () => verdict,
    isClosed: () => connection.isClosed() || decoder.isLost(),
    close: connection.close,
  };
}
