// Measures what a registered agent does when nothing happens: how often its threads wake up, and
// what it writes. The node is silent. It runs next to the other parts.
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { inHome } from './agent-run.ts';
import { inFolder } from './proc.ts';
import type { Bench, Part, Result } from './part.ts';

const transports = ['http', 'ws'] as const;
export type Transport = (typeof transports)[number];
/** After the start, V8 still collects its garbage, and the connection of the calls is closed. */
const settleMs = 10_000;
const leastMs = 120_000;
/** A registration comes up to a tenth earlier, a twentieth on average. */
const earlier = 0.95;
const usualIntervalS = 300;
const shortIntervalS = 20;
const aims = { wakeUps: 2, bytes: 0 } as const;

export type Idle = { readonly wakeUps: number; readonly bytes: number };

function countersOf(pid: number): Idle {
  const numberOf = (file: string, key: string) =>
    Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(readFileSync(file, 'utf8'))?.[1] ?? NaN);
  const wakeUps = readdirSync(`/proc/${pid}/task`)
    .map((task) => numberOf(`/proc/${pid}/task/${task}/status`, 'voluntary_ctxt_switches'))
    .reduce((sum, count) => sum + count, 0);
  return { wakeUps, bytes: numberOf(`/proc/${pid}/io`, 'write_bytes') };
}

/** Wake-ups a minute, and bytes in all, of an agent that is registered and then left alone. */
export function idleOver(
  bench: Pick<Bench, 'payload'>,
  transport: Transport,
  until: () => Promise<unknown>,
  registerIntervalS = usualIntervalS,
): Promise<Idle> {
  const rvi = { register_interval: registerIntervalS };
  const options = { transport, payload: bench.payload(), isQuiet: true, rvi } as const;
  return inFolder((home) =>
    inHome(home, options, [], async (sender, agent) => {
      await sender.registered;
      await pause(settleMs);
      const pid = agent.child.pid ?? 0;
      const [before, startedMs] = [countersOf(pid), performance.now()];
      await until();
      const after = countersOf(pid);
      const minutes = (performance.now() - startedMs) / 60_000;
      return {
        wakeUps: (after.wakeUps - before.wakeUps) / minutes,
        bytes: after.bytes - before.bytes,
      };
    }),
  );
}

type Row = {
  readonly name: string;
  readonly quiet: number;
  readonly registration: number;
  readonly all: number;
  readonly bytes: number;
};

/**
 * The time between two registrations is longer than the bench. So one agent registers often: the
 * difference is the cost of a registration.
 */
async function row(bench: Bench, transport: Transport): Promise<Row> {
  const until = () => Promise.all([pause(leastMs), bench.othersEnded]);
  const [quiet, busy] = await Promise.all([
    idleOver(bench, transport, until, 3_600),
    idleOver(bench, transport, until, shortIntervalS),
  ]);
  const minutesOf = (seconds: number) => (seconds * earlier) / 60;
  const registration = (busy.wakeUps - quiet.wakeUps) * minutesOf(shortIntervalS);
  return {
    name: `agent, ${transport}`,
    quiet: quiet.wakeUps,
    registration,
    all: quiet.wakeUps + registration / minutesOf(usualIntervalS),
    bytes: quiet.bytes + busy.bytes,
  };
}

async function run(bench: Bench): Promise<Result> {
  const rows = await Promise.all(transports.map((transport) => row(bench, transport)));
  return {
    table: [
      ['wake-ups', 'a minute', 'a registration', 'a minute with both', 'bytes written'],
      ...rows.map(({ name, quiet, registration, all, bytes }) => [
        name,
        quiet.toFixed(1),
        registration.toFixed(1),
        all.toFixed(1),
        String(bytes),
      ]),
    ],
    findings: rows.flatMap(({ name, all, bytes }) => [
      { what: `${name}: wake-ups a minute`, value: all, aim: aims.wakeUps, digits: 1 },
      { what: `${name}: bytes written`, value: bytes, aim: aims.bytes, digits: 0 },
    ]),
  };
}

export const idle: Part = {
  name: 'idle',
  about:
    'a registered agent and a silent node, for at least two minutes, next to the other parts;\n' +
    `  a registration each ${usualIntervalS} s`,
  isQuiet: true,
  run,
};
