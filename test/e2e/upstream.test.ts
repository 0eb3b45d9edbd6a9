// Tests the bytes that the agent sends for each chunk: few, and as many for a large package as for
// a small one. They do not depend on the speed of the machine.
import { measureUpstream } from '../bench/upstream.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('upstream');
const bytesMax = 700;
/** A restart registers six services, and receives eight chunks. */
const resumeBytesMax = 12_000;
/** The numbers of chunks and calls have a few more digits in a larger package. */
const digits = 16;

test('a chunk costs few bytes upstream, in a package of any size', async () => {
  const all = await measureUpstream([16, 1_024]);
  assert.is(all.length, 4);
  for (const { transport, mib, bytesPerChunk, resumeBytes } of all) {
    const what = `${transport}, ${mib} MiB: ${bytesPerChunk} bytes`;
    assert.ok(bytesPerChunk > 100 && bytesPerChunk <= bytesMax, what);
    assert.ok(resumeBytes <= resumeBytesMax, `${transport}, ${mib} MiB: ${resumeBytes} bytes`);
    const small = all.find((one) => one.transport === transport)?.bytesPerChunk ?? NaN;
    assert.ok(bytesPerChunk <= small + digits, `${what}, ${small} for 16 MiB`);
  }
});

test.run();
