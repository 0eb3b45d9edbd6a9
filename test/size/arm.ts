// Measures memory and start-up of an ARM executable and of a bare Node of that target. The machine
// is emulated completely, so the kernel reports the memory of a process as on a device.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackend, isReported } from '../backend/backend.ts';
import { packageOf } from '../backend/package.ts';
import { targetOf } from '../support/target.ts';
import { boot } from '../systemd/machine.ts';
import { makeGuest } from './guest.ts';
import type { Backend } from '../backend/backend.ts';
import type { ArmTarget } from '../support/target.ts';
import type { Shell } from '../systemd/machine.ts';
import type { Programs } from './guest.ts';
import type { Memory } from './memory.ts';

export type ArmMemory = {
  readonly bare: Memory;
  readonly idle: Memory;
  readonly peak: Memory;
  /** Seconds from exec: medians. */
  readonly bareSeconds: number;
  readonly floorSeconds: number;
  readonly agentSeconds: number;
};

const chunksCount = 100;
const startsCount = 3;
const reportLimitMs = 600_000;

export async function armMemory(target: ArmTarget, programs: Programs): Promise<ArmMemory> {
  const folder = mkdtempSync(join(tmpdir(), 'sota-size-'));
  const backend = createBackend({ transport: 'ws' });
  await backend.start();
  const shell = await boot({ guest: makeGuest(folder, target, programs), isCounted: true });
  try {
    return await measure(shell, backend, argsOf(target, programs).join(' '));
  } finally {
    await shell.end();
    await backend.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A Node without this key takes no arguments from the executable. */
function argsOf(target: ArmTarget, { node }: Programs): readonly string[] {
  return readFileSync(node).includes('execArgvExtension') ? targetOf(target).execArgv : [];
}

async function measure(shell: Shell, backend: Backend, args: string): Promise<ArmMemory> {
  const { run } = shell;
  await run(`printf '${configOf(backend)}' >/tmp/config.toml`);
  const port = new URL(backend.url).port;
  const bares: number[] = [];
  const floors: number[] = [];
  const agents: number[] = [];
  for (let count = 0; count < startsCount; count += 1) {
    const timed = async (command: string) => {
      return secondsIn(await run(`read -r a b </proc/uptime; ${command}; ${sayTime}`));
    };
    bares.push(await timed(`node ${args} -e 0`));
    floors.push(await timed(`node ${args} /floor.cjs 10.0.2.2 ${port}`));
    if (count > 0) await run(endAgent);
    agents.push(secondsIn(await run('. /start')));
  }
  const idle = await settled(shell);
  await run('true >/tmp/goes; sh /watch $(cat /tmp/pid) /tmp/goes >/tmp/most &');
  const one = packageOf({ name: 'one', version: '1.0.0' }, randomBytes(chunksCount * 65_536));
  backend.server.notify([one]);
  await backend.until('reported', (server) => isReported(server, one), reportLimitMs);
  await run('rm /tmp/goes; while ! [ -s /tmp/most ]; do sleep 0.1; done');
  const peak = memoryIn(await run('cat /tmp/most'));
  await run(endAgent);
  await run(`node ${args} -e 'setInterval(() => undefined, 1e6)' & echo $! >/tmp/pid`);
  const bare = await settled(shell);
  const [bareSeconds, floorSeconds, agentSeconds] = [median(bares), median(floors), median(agents)];
  return { bare, idle, peak, bareSeconds, floorSeconds, agentSeconds };
}

const endAgent = 'kill -9 $(cat /tmp/pid); wait; rm -rf /tmp/state';
const sayTime = 'read -r c d </proc/uptime; echo "$a $c"';

/** In the format of printf, because a command is one line. */
function configOf({ url }: Backend): string {
  return [
    '[rvi]',
    `url = "ws://10.0.2.2:${new URL(url).port}"`,
    '[storage]',
    'dir = "/tmp/state"',
    'min_free = "1 MiB"',
    '[control]',
    'socket = "/tmp/control.sock"',
    '[installer]',
    'default = "command"',
    '[installer.command]',
    'program = "true"',
  ].join('\\n');
}

/** V8 releases the memory of the start within this time. */
async function settled({ run }: Shell): Promise<Memory> {
  await run('sleep 15');
  return memoryIn(await run('cat /proc/$(cat /tmp/pid)/status /proc/$(cat /tmp/pid)/smaps_rollup'));
}

function memoryIn(said: string): Memory {
  const after = (key: string) => {
    const found = new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(said)?.[1];
    if (found === undefined) throw new Error(`no ${key} in:\n${said}`);
    return Number(found) * 1_024;
  };
  return { rss: after('VmRSS'), anon: after('RssAnon'), pss: after('Pss') };
}

function secondsIn(said: string): number {
  const [, before, after] = /([\d.]+) ([\d.]+)$/.exec(said) ?? [];
  if (before === undefined || after === undefined) throw new Error(`no times in:\n${said}`);
  return Number(after) - Number(before);
}

const median = (found: readonly number[]) => found.toSorted((a, b) => a - b)[1] ?? NaN;
