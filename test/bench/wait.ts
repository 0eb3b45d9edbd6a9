// Measures how often the agent waits for a sync of the disk before it acknowledges a chunk: strace
// delays the end of each sync. The same run without the delay is subtracted, so neither the disk of
// this machine nor the cost of strace counts. It is the median of the chunks, because a moment of
// other load lasts some of them.
import { inHome } from './agent-run.ts';
import { median } from './part.ts';
import { inFolder } from './proc.ts';
import type { Bench, Part, Result } from './part.ts';

const delayMs = 20;
/** The first chunks are not measured: the agent still learns and compiles. */
const fromIndex = 16;
const chunksCount = 64;
const latenciesMax = 1.3;

/** Returns the delays for each chunk with one chunk in flight. */
export async function syncLatencies(bench: Pick<Bench, 'payload'>): Promise<number> {
  const plainMs = await msPerChunk(bench, 0);
  return ((await msPerChunk(bench, delayMs)) - plainMs) / delayMs;
}

function msPerChunk(bench: Pick<Bench, 'payload'>, ms: number): Promise<number> {
  const untilIndex = fromIndex + chunksCount;
  const one = { ...bench.payload().one, chunksCount: untilIndex + 1 };
  const payload = { ...bench.payload(), one };
  const calls = 'fdatasync,fsync';
  const inject = ms === 0 ? [] : ['-e', `inject=${calls}:delay_exit=${ms * 1_000}`];
  const strace = ['strace', '-f', '--seccomp-bpf', '-qq', '-e', `trace=${calls}`, ...inject];
  return inFolder((home) => {
    const quiet = [...strace, '-o', '/dev/null'];
    return inHome(home, { transport: 'ws', payload, untilIndex }, quiet, async (sender, agent) => {
      const said = await sender.done;
      if (said !== 'stopped') throw new Error(`the agent reported ${said}: ${agent.errors()}`);
      const times = Array.from({ length: chunksCount }, (_, at) => {
        const index = fromIndex + 1 + at;
        return sender.ackedAtMs(index) - sender.ackedAtMs(index - 1);
      });
      return median(times);
    });
  });
}

async function run(bench: Bench): Promise<Result> {
  bench.progress('wait');
  const value = await syncLatencies(bench);
  const what = 'agent, ws: sync latencies a chunk';
  return {
    table: [
      ['', 'sync latencies a chunk'],
      ['agent, ws', value.toFixed(2)],
    ],
    findings: [{ what, value, aim: latenciesMax, digits: 2 }],
  };
}

export const wait: Part = {
  name: 'wait',
  about: `how many delays of a slow disk a chunk costs; each sync takes ${delayMs} ms longer`,
  run,
};
