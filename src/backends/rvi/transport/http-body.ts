// The body of a request, bounded.
import { messageBytesMax } from '../../../limits.ts';
import type { IncomingMessage } from 'node:http';

/** Of a body that is too large so much is read, and dropped, for its sender to see the answer. */
const drainedBytesMax = 16 * messageBytesMax;

/** Copied into one buffer of the announced size, so that no part keeps a larger one alive. */
export function gather(
  request: IncomingMessage,
  done: (body: Uint8Array | undefined) => void,
): void {
  const announcedBytes = Number(request.headers['content-length'] ?? 0);
  const isTooLarge = announcedBytes > messageBytesMax;
  let body: Buffer = Buffer.allocUnsafeSlow(isTooLarge ? 0 : announcedBytes);
  let sizeBytes = 0;
  request.on('data', (part: Buffer) => {
    const startBytes = sizeBytes;
    sizeBytes += part.length;
    if (sizeBytes > drainedBytesMax) return void request.destroy();
    if (sizeBytes > messageBytesMax) return;
    if (sizeBytes > body.length) body = grown(body, startBytes, sizeBytes);
    part.copy(body, startBytes);
  });
  request.on('end', () => {
    done(sizeBytes > messageBytesMax ? undefined : body.subarray(0, sizeBytes));
  });
  // Cut off by its sender or by a time limit: nobody is left to be answered.
  request.on('error', () => undefined);
}

/** By doubling: a body in chunks of one byte must not be copied once for each. */
function grown(body: Buffer, usedBytes: number, neededBytes: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(2 * body.length, neededBytes, 1_024));
  body.copy(larger, 0, 0, usedBytes);
  return larger;
}

/** Reads and drops a body, so that its sender sees the answer; a long one ends the connection. */
export function drain(request: IncomingMessage, done: () => void): void {
  let sizeBytes = 0;
  request.on('data', (part: Buffer) => {
    sizeBytes += part.length;
    if (sizeBytes > messageBytesMax) request.destroy();
  });
  request.on('end', done);
  request.on('error', () => undefined);
}
