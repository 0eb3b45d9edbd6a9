// Splits a stream of bytes into lines. If a line exceeds its limit, the reader drops all bytes and
// ignores the rest of the stream.

export type LineReader = {
  push(data: Uint8Array): void;
  /** Returns the next whole line without its end; undefined if there is none. */
  take(): Uint8Array | undefined;
  /** Returns true after more than `bytesMax` bytes waited at once. */
  isTooLong(): boolean;
};

const lineEnd = 0x0a;

export function createLineReader(bytesMax: number): LineReader {
  let waiting: Uint8Array = new Uint8Array();
  let tooLong = false;
  return {
    push(data) {
      if (tooLong || waiting.length + data.length > bytesMax) {
        tooLong = true;
        waiting = new Uint8Array();
        return;
      }
      waiting = Buffer.concat([waiting, data]);
    },
    take() {
      const end = waiting.indexOf(lineEnd);
      if (end < 0) return undefined;
      const line = waiting.subarray(0, end);
      waiting = waiting.subarray(end + 1);
      return line;
    },
    isTooLong: () => tooLong,
  };
}
