// The cost of receiving a package with one chunk in flight, as all servers send: CPU and memory of
// the agent, next to those of the least client.
import { runAgent } from './agent-run.ts';
import { medianUsage } from './context.ts';
import { createLeast } from './least-run.ts';
import { median } from './part.ts';
import type { Bench, Finding, Part, Result } from './part.ts';
import type { Usage } from './proc.ts';

const aims = { cpu: 0.9, anonMib: 10, rssMib: 16 } as const;
const transports = ['http', 'ws'] as const;

type Row = {
  readonly name: string;
  readonly agent: readonly Usage[];
  readonly least: readonly Usage[];
};

async function run(bench: Bench): Promise<Result> {
  const idle = await bench.idleNode();
  const payload = bench.payload();
  const runLeast = createLeast(bench.folder);
  const rows = transports.map((transport) => {
    return { transport, least: new Array<Usage>(), agent: new Array<Usage>() };
  });
  // One round after the other, so that other load on the machine affects all programs.
  for (let round = 1; round <= bench.rounds; round++) {
    for (const { transport, least, agent } of rows) {
      bench.progress(`receive over ${transport}: round ${round} of ${bench.rounds}`);
      least.push(await runLeast({ transport, payload }));
      agent.push(await runAgent({ transport, payload }));
    }
  }
  const named = rows.map(({ transport, ...usages }) => ({ name: transport, ...usages }));
  return { table: table(named, idle, bench.mib), findings: findings(named, idle) };
}

function table(rows: readonly Row[], idle: Usage, mib: number): Result['table'] {
  const line = (name: string, usages: readonly Usage[], ratio: number) => {
    const usage = medianUsage(usages);
    return [
      name,
      (mib / usage.wallS).toFixed(0),
      usage.cpuS.toFixed(2),
      ratio.toFixed(2),
      usage.peakRssMib.toFixed(0),
      (usage.peakRssMib - idle.peakRssMib).toFixed(0),
      usage.peakAnonMib.toFixed(1),
      (usage.peakAnonMib - idle.peakAnonMib).toFixed(1),
      (usage.writtenBytes / (mib * 1_048_576)).toFixed(3),
    ];
  };
  const [rss, anon] = [idle.peakRssMib.toFixed(0), idle.peakAnonMib.toFixed(1)];
  return [
    ['', 'MiB/s', 'CPU s', 'x least', 'RSS', '- idle', 'anon', '- idle', 'written'],
    ['idle Node', '', '', '', rss, '', anon, '', ''],
    ...rows.flatMap((row) => [
      line(`least client, ${row.name}`, row.least, 1),
      line(`agent, ${row.name}`, row.agent, cpuRatio(row)),
    ]),
  ];
}

/** The median of the ratios of the rounds: within a round, the load of the machine is the same. */
function cpuRatio({ agent, least }: Row): number {
  return median(agent.map(({ cpuS }, at) => cpuS / (least[at]?.cpuS ?? NaN)));
}

function findings(rows: readonly Row[], idle: Usage): readonly Finding[] {
  return rows.flatMap((row) => {
    const { peakRssMib, peakAnonMib } = medianUsage(row.agent);
    const [rss, anon] = [peakRssMib - idle.peakRssMib, peakAnonMib - idle.peakAnonMib];
    const name = `agent, ${row.name}`;
    return [
      { what: `${name}: CPU x least client`, value: cpuRatio(row), aim: aims.cpu, digits: 2 },
      { what: `${name}: peak anon - idle, MiB`, value: anon, aim: aims.anonMib, digits: 1 },
      { what: `${name}: peak RSS - idle, MiB`, value: rss, aim: aims.rssMib, digits: 1 },
    ];
  });
}

export const receive: Part = {
  name: 'receive',
  about: 'CPU and peak memory (MiB), one chunk in flight; medians of the rounds',
  run,
};
