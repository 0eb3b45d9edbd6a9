// Measures the memory of a process, current and maximum, from the kernel, in bytes.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createBackend, isReported } from '../backend/backend.ts';
import { packageOf } from '../backend/package.ts';
import { startAgent, writeConfig } from '../support/agent.ts';
import type { Backend } from '../backend/backend.ts';
import type { AgentProcess } from '../support/agent.ts';

export type Memory = { readonly rss: number; readonly anon: number; readonly pss: number };
type Transport = 'http' | 'ws';

/** V8 releases the memory of the start within this time. */
const settleMs = 5_000;
const everyMs = 50;
const chunksCount = 300;
const startsCount = 9;

function memoryOf(pid: number): Memory {
  const after = (file: string, key: string) => {
    const text = readFileSync(`/proc/${pid}/${file}`, 'utf8');
    return Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? NaN) * 1_024;
  };
  const [rss, anon] = [after('status', 'VmRSS'), after('status', 'RssAnon')];
  return { rss, anon, pss: after('smaps_rollup', 'Pss') };
}

export async function bareNode(program: string, args: readonly string[]): Promise<Memory> {
  const script = ['-e', 'setInterval(() => undefined, 1e6)'];
  const child = spawn(program, [...args, ...script], { env: {}, stdio: 'ignore' });
  await pause(settleMs);
  const found = memoryOf(child.pid ?? 0);
  child.kill('SIGKILL');
  return found;
}

type Act<T> = (agent: AgentProcess, backend: Backend, startedMs: number) => Promise<T>;

async function withAgent<T>(transport: Transport, act: Act<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'sota-size-'));
  const backend = createBackend({ transport });
  await backend.start();
  const config = writeConfig(folder, {
    log: { level: 'info' },
    rvi: { url: backend.url, ...(transport === 'http' ? { listen: '127.0.0.1:0' } : {}) },
    installer: { default: 'command', command: { program: 'true' } },
  });
  const startedMs = performance.now();
  const agent = startAgent(config);
  try {
    return await act(agent, backend, startedMs);
  } finally {
    await agent.kill('SIGKILL');
    await backend.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function idle(transport: Transport): Promise<Memory> {
  return withAgent(transport, async (agent, backend) => {
    await backend.registered();
    await pause(settleMs);
    return memoryOf(agent.pid);
  });
}

/** The maximum of each value separately: they need not be highest at the same moment. */
export function peak(transport: Transport): Promise<Memory> {
  return withAgent(transport, async (agent, backend) => {
    await backend.registered();
    let most = memoryOf(agent.pid);
    const timer = setInterval(() => {
      const { rss, anon, pss } = memoryOf(agent.pid);
      const { max } = Math;
      most = { rss: max(rss, most.rss), anon: max(anon, most.anon), pss: max(pss, most.pss) };
    }, everyMs);
    const one = packageOf({ name: 'one', version: '1.0.0' }, randomBytes(chunksCount * 65_536));
    backend.server.notify([one]);
    await backend.until('reported', (server) => isReported(server, one));
    clearInterval(timer);
    return most;
  });
}

export type StartUp = { readonly agentMs: number; readonly bareMs: number };

/** Medians from exec: to "registered", and to the end of a Node with an empty script. */
export async function startUp(program: string, args: readonly string[]): Promise<StartUp> {
  const [agentMs, bareMs]: [number[], number[]] = [[], []];
  for (let count = 0; count < startsCount; count += 1) {
    const bareStartedMs = performance.now();
    const child = spawn(program, [...args, '-e', '0'], { env: {}, stdio: 'ignore' });
    await once(child, 'exit');
    bareMs.push(performance.now() - bareStartedMs);
    await withAgent('ws', async (agent, _, startedMs) => {
      await agent.logged(/ registered /);
      agentMs.push(performance.now() - startedMs);
    });
  }
  const median = (all: readonly number[]) => all.toSorted((a, b) => a - b)[startsCount >> 1] ?? NaN;
  return { agentMs: median(agentMs), bareMs: median(bareMs) };
}
