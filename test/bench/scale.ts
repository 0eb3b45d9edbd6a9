// Shows the scale of the other figures, in one round: a bare loop of Node, the agent with more
// chunks in flight than a released server sends, and programs of another kind.
import { runAgent } from './agent-run.ts';
import { createFloor } from './floor-run.ts';
import { createPeers } from './peers.ts';
import { measure } from './proc.ts';
import type { Bench, Part, Result } from './part.ts';
import type { Usage } from './proc.ts';

async function run(bench: Bench): Promise<Result> {
  const { folder, mib } = bench;
  const [payload, idle] = [bench.payload(), await bench.idleNode()];
  const floor = createFloor(folder, payload);
  const peers = await createPeers(folder, payload.path);
  const runs: readonly (readonly [name: string, run: () => Promise<Usage>])[] = [
    ['floor, sync each chunk', () => floor(1)],
    ['floor, sync each 4 chunks', () => floor(4)],
    ['agent, http, 16 in flight', () => runAgent({ transport: 'http', payload, inFlight: 16 })],
    ['agent, ws, 16 in flight', () => runAgent({ transport: 'ws', payload, inFlight: 16 })],
    ['curl, sha1sum, sync', () => measure(peers.curl)],
    ['swupdate -d', () => measure(peers.swupdate)],
  ];
  const rows: string[][] = [];
  try {
    for (const [name, start] of runs) {
      bench.progress(name);
      const usage = await start();
      rows.push([
        name,
        (mib / usage.wallS).toFixed(0),
        usage.cpuS.toFixed(2),
        usage.peakRssMib.toFixed(0),
        (usage.peakRssMib - idle.peakRssMib).toFixed(0),
        usage.peakAnonMib.toFixed(0),
        (usage.writtenBytes / (mib * 1_048_576)).toFixed(3),
      ]);
    }
  } finally {
    peers.close();
  }
  const head = ['', 'MiB/s', 'CPU s', 'RSS', '- idle', 'anon', 'written'];
  return { table: [head, ...rows], findings: [] };
}

export const scale: Part = {
  name: 'scale',
  about: 'one round of other programs, without an aim: they show the scale',
  run,
};
