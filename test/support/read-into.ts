// Where a disk of the tests puts what it read.
/** Copies what a test's disk read into the memory of the caller, as the real disk does. */
export function within(data: Uint8Array, into: Uint8Array | undefined): Uint8Array {
  if (into === undefined || into.length < data.length) return new Uint8Array(data);
  into.set(data);
  return into.subarray(0, data.length);
}
