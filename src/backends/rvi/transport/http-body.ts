// Reads the body of a request, up to a limit.
import { messageBytesMax } from '../../../limits.ts';
import type { IncomingMessage } from 'node:http';

/**
 * A body that is too large is read up to this size and dropped, because its sender must finish
 * before it reads the answer.
 */
const drainedBytesMax = 16 * messageBytesMax;

/** Copies into one buffer of the announced size, because each part refers to a larger buffer. */
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
  // The sender or a time limit closed the connection, so no answer is possible.
  request.on('error', () => undefined);
}

/** Doubles the buffer, so that a body in chunks of one byte is not copied for each chunk. */
function grown(body: Buffer, usedBytes: number, neededBytes: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(2 * body.length, neededBytes, 1_024));
  body.copy(larger, 0, 0, usedBytes);
  return larger;
}

/**
 * Drops a body, so that its sender can read the answer; closes the connection if it is too large.
 */
export function drain(request: IncomingMessage, done: () => void): void {
  let sizeBytes = 0;
  request.on('data', (part: Buffer) => {
    sizeBytes += part.length;
    if (sizeBytes > messageBytesMax) request.destroy();
  });
  request.on('end', done);
  request.on('error', () => undefined);
}
