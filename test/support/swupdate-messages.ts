// Makes progress messages in every layout, by the offsets of SWUpdate's compiled headers. The
// offsets do not come from the decoder, so that an error there shows.
export type LayoutName = '2018.11' | '2020.11' | '2020.11 i386' | '2023.12' | '2024.12' | '2025.12';

export type Message = {
  readonly status: number;
  readonly downloadPercent?: number;
  readonly downloadedBytes?: number;
  readonly stepsCount?: number;
  readonly step?: number;
  readonly percent?: number;
  readonly image?: string;
  readonly handler?: string;
  readonly source?: number;
  readonly info?: string;
};

type Offsets = {
  readonly sizeBytes: number;
  readonly word: number;
  readonly greeting: boolean;
  readonly bytes: number | undefined;
  /** stepsCount, step, percent, image, handler, source, infoLength, info. */
  readonly at: readonly [number, number, number, number, number, number, number, number];
};

const aligned = [24, 28, 32, 36, 292, 356, 360, 364] as const;
const packed = [20, 24, 28, 32, 288, 352, 356, 360] as const;

export const layouts: { readonly [name in LayoutName]: Offsets } = {
  '2018.11': {
    sizeBytes: 2400,
    word: 0,
    greeting: false,
    bytes: undefined,
    at: [12, 16, 20, 24, 280, 344, 348, 352],
  },
  '2020.11': { sizeBytes: 2416, word: 0, greeting: false, bytes: 16, at: aligned },
  '2020.11 i386': { sizeBytes: 2408, word: 0, greeting: false, bytes: 12, at: packed },
  '2023.12': { sizeBytes: 2416, word: 0x10000, greeting: false, bytes: 16, at: aligned },
  '2024.12': { sizeBytes: 2416, word: 0x20000, greeting: true, bytes: 16, at: aligned },
  '2025.12': { sizeBytes: 2408, word: 0x20000, greeting: true, bytes: 12, at: packed },
};

export function greetingOf(name: LayoutName): Buffer {
  if (!layouts[name].greeting) return Buffer.alloc(0);
  const data = Buffer.from('....ACK\0', 'latin1');
  data.writeUInt32LE(layouts[name].word, 0);
  return data;
}

export function encodeProgress(name: LayoutName, message: Message): Buffer {
  const { sizeBytes, word, bytes, at } = layouts[name];
  const [stepsCount, step, percent, image, handler, source, infoLength, info] = at;
  const data = Buffer.alloc(sizeBytes);
  data.writeUInt32LE(word, 0);
  data.writeInt32LE(message.status, 4);
  data.writeInt32LE(message.downloadPercent ?? 0, 8);
  if (bytes !== undefined) data.writeBigUInt64LE(BigInt(message.downloadedBytes ?? 0), bytes);
  data.writeInt32LE(message.stepsCount ?? 0, stepsCount);
  data.writeInt32LE(message.step ?? 0, step);
  data.writeInt32LE(message.percent ?? 0, percent);
  data.write(message.image ?? '', image);
  data.write(message.handler ?? '', handler);
  data.writeInt32LE(message.source ?? 4, source);
  data.writeUInt32LE(Buffer.byteLength(message.info ?? ''), infoLength);
  data.write(message.info ?? '', info);
  return data;
}
