// Measures what a run costs, with figures of the kernel: CPU, memory, bytes written, syncs.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { ChildProcess } from 'node:child_process';

export type Usage = {
  readonly wallS: number;
  readonly cpuS: number;
  readonly peakRssMib: number;
  /** Sampled every 20 ms, because the kernel has no high-water mark for it. */
  readonly peakAnonMib: number;
  /** Bytes dirtied in files; writes of the file system itself are not included. */
  readonly writtenBytes: number;
};

/** Clock ticks of /proc: 100 a second on every Linux that Node supports. */
const ticksPerS = 100;

/** A process after its exec; its children (an installer) are not included. */
export type Watched = {
  readonly child: ChildProcess;
  /** Valid while the process runs. */
  usage(): Usage;
  /** What it printed on stderr. */
  errors(): string;
  kill(signal: NodeJS.Signals): Promise<void>;
};

export function watch(command: readonly string[]): Watched {
  const [program = '', ...args] = command;
  const startedMs = performance.now();
  const env = { PATH: process.env['PATH'] ?? '' };
  const child = spawn(program, args, { env, stdio: 'pipe' });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const pid = child.pid ?? 0;
  const ended = new Promise<void>((done) => child.on('exit', () => done()));
  const anon = sampleAnon(() => pid);
  const usage = () => {
    const wallS = (performance.now() - startedMs) / 1_000;
    const fields = read(pid, 'stat')
      .replace(/^.*\) /s, '')
      .split(' ')
      .map(Number);
    const [userTicks = NaN, systemTicks = NaN] = fields.slice(11, 13);
    return {
      wallS,
      cpuS: (userTicks + systemTicks) / ticksPerS,
      peakRssMib: numberAfter(read(pid, 'status'), 'VmHWM:') / 1_024,
      peakAnonMib: anon(),
      writtenBytes: numberAfter(read(pid, 'io'), 'write_bytes:'),
    };
  };
  const kill = (signal: NodeJS.Signals) => {
    anon();
    // strace does not forward such signals, and ends together with the program that it started.
    process.kill(program === 'strace' ? childOf(pid) : pid, signal);
    return ended;
  };
  return { child, usage, errors: () => errors, kill };
}

function sampleAnon(pidOf: () => number): () => number {
  let peakMib = 0;
  const sample = () => {
    peakMib = Math.max(peakMib, numberAfter(read(pidOf(), 'status'), 'RssAnon:') / 1_024 || 0);
  };
  const timer = setInterval(sample, 20);
  return () => {
    clearInterval(timer);
    sample();
    return peakMib;
  };
}

/** Runs the programs one after the other under time(1). Returns sums; for memory, the maximum. */
export async function measure(commands: readonly (readonly string[])[]): Promise<Usage> {
  const all: Usage[] = [];
  for (const command of commands) all.push(await measureOne(command));
  const sum = (of: (one: Usage) => number) => all.reduce((total, one) => total + of(one), 0);
  const most = (of: (one: Usage) => number) => Math.max(...all.map(of));
  return {
    wallS: sum((one) => one.wallS),
    cpuS: sum((one) => one.cpuS),
    peakRssMib: most((one) => one.peakRssMib),
    peakAnonMib: most((one) => one.peakAnonMib),
    writtenBytes: sum((one) => one.writtenBytes),
  };
}

async function measureOne(command: readonly string[]): Promise<Usage> {
  return inFolder(async (folder) => {
    const file = join(folder, 'time');
    const args = ['-f', '%e %U %S %M %O', '-o', file, ...command];
    const child = spawn('/usr/bin/time', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const pid = child.pid ?? 0;
    const anon = sampleAnon(() => childOf(pid));
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const startedMs = performance.now();
    const code = await new Promise((done) => child.on('close', done));
    const wallS = (performance.now() - startedMs) / 1_000;
    const peakAnonMib = anon();
    if (code !== 0) throw new Error(`${command.join(' ')} failed (${String(code)}): ${errors}`);
    const fields = readFileSync(file, 'utf8').trim().split(' ').map(Number);
    const [, userS = NaN, systemS = NaN, kib = NaN, blocks = NaN] = fields;
    const memory = { peakRssMib: kib / 1_024, peakAnonMib };
    return { wallS, cpuS: userS + systemS, ...memory, writtenBytes: blocks * 512 };
  });
}

export type Syncs = {
  /** Calls of the fsync family. */
  readonly calls: number;
  /** How often no sync was in progress when one began: syncs at the same time are one wait. */
  readonly waits: number;
};

/**
 * Counts with strace, in a pass of its own because strace is slow. `delayMs` makes each sync that
 * much longer, as on a slow disk.
 */
export async function traceSyncs(
  run: (strace: readonly string[]) => Promise<void>,
  delayMs: number,
): Promise<Syncs> {
  return inFolder(async (folder) => {
    const file = join(folder, 'strace');
    const names = 'fsync,fdatasync,sync,syncfs,sync_file_range,msync';
    const inject = delayMs === 0 ? [] : ['-e', `inject=${names}:delay_exit=${delayMs * 1_000}`];
    const options = ['-f', '--seccomp-bpf', '-qq', '-o', file, '-e', `trace=${names}`, ...inject];
    await run(['strace', ...options]);
    return syncsIn(readFileSync(file, 'utf8'));
  });
}

/** A call is one line, or two lines if another call was printed in between. */
export function syncsIn(trace: string): Syncs {
  let [calls, waits, inProgress] = [0, 0, 0];
  for (const line of trace.split('\n')) {
    if (/^\d+ +<\.\.\. \w*sync\w* resumed>/.test(line)) inProgress -= 1;
    if (!/^\d+ +\w*sync\w*\(/.test(line)) continue;
    calls += 1;
    if (inProgress === 0) waits += 1;
    if (line.endsWith('<unfinished ...>')) inProgress += 1;
  }
  return { calls, waits };
}

const childOf = (pid: number) => Number(read(pid, `task/${pid}/children`).split(' ')[0]);

export async function inFolder<T>(act: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(process.env['SOTA_AGENT_ROOT'] ?? '.', 'build/bench-'));
  try {
    return await act(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function numberAfter(text: string, key: string): number {
  return Number(new RegExp(`${key}\\s+(\\d+)`).exec(text)?.[1] ?? NaN);
}
