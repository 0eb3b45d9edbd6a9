// Bytes of a stream in, lines out. A line that does not end within its limit is told once, then
// silence: nothing of such a peer is kept.

export type Lines = {
  /** Adds what came. */
  push(data: Uint8Array): void;
  /** The next whole line, without its end. */
  take(): Uint8Array | undefined;
  /** More is waiting than may wait. */
  isOver(): boolean;
};

const lineEnd = 0x0a;

export function createLines(bytesMax: number): Lines {
  let waiting: Uint8Array = new Uint8Array();
  let over = false;
  return {
    push(data) {
      if (over || waiting.length + data.length > bytesMax) {
        over = true;
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
    isOver: () => over,
  };
}
