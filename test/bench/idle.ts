// Measures what a registered agent does when nothing happens: how often its threads wake up, and
// what it writes. The node is silent. It runs next to the other parts.
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { inHome } from './agent-run.ts';
import { inFolder } from './proc.ts';
import type { Bench, Part, Result } from './part.ts';

const transports = ['http', 'ws'] as const;
/** After the start, V8 still collects its garbage. */
const settleMs = 10_000;
const leastMs = 120_000;
const aims = { wakeUps: 2, bytes: 0 } as const;

type Idle = { readonly name: string; readonly wakeUps: number; readonly bytes: number };

function countersOf(pid: number): { readonly wakeUps: number; readonly bytes: number } {
  const numberOf = (file: string, key: string) =>
    Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(readFileSync(file, 'utf8'))?.[1] ?? NaN);
  const wakeUps = readdirSync(`/proc/${pid}/task`)
    .map((task) => numberOf(`/proc/${pid}/task/${task}/status`, 'voluntary_ctxt_switches'))
    .reduce((sum, count) => sum + count, 0);
  return { wakeUps, bytes: numberOf(`/proc/${pid}/io`, 'write_bytes') };
}

function idleOver(bench: Bench, transport: 'http' | 'ws'): Promise<Idle> {
  const options = { transport, payload: bench.payload(), isQuiet: true } as const;
  return inFolder((home) =>
    inHome(home, options, [], async (sender, agent) => {
      await sender.registered;
      await pause(settleMs);
      const pid = agent.child.pid ?? 0;
      const [before, startedMs] = [countersOf(pid), performance.now()];
      await Promise.all([pause(leastMs), bench.othersEnded]);
      const after = countersOf(pid);
      const minutes = (performance.now() - startedMs) / 60_000;
      return {
        name: `agent, ${transport}`,
        wakeUps: (after.wakeUps - before.wakeUps) / minutes,
        bytes: after.bytes - before.bytes,
      };
    }),
  );
}

async function run(bench: Bench): Promise<Result> {
  const all = await Promise.all(transports.map((transport) => idleOver(bench, transport)));
  return {
    table: [
      ['', 'wake-ups a minute', 'bytes written'],
      ...all.map(({ name, wakeUps, bytes }) => [name, wakeUps.toFixed(1), String(bytes)]),
    ],
    findings: all.flatMap(({ name, wakeUps, bytes }) => [
      { what: `${name}: wake-ups a minute`, value: wakeUps, aim: aims.wakeUps, digits: 1 },
      { what: `${name}: bytes written`, value: bytes, aim: aims.bytes, digits: 0 },
    ]),
  };
}

export const idle: Part = {
  name: 'idle',
  about: 'a registered agent and a silent node, for at least two minutes, next to the other parts',
  isQuiet: true,
  run,
};
