// `make size`: measures the executables on flash and in memory. ARM is measured in a completely
// emulated machine, because a process under qemu-user is mostly qemu. Nothing here passes or fails;
// docs/internals/measurements.md has the results.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { targetOf } from '../support/target.ts';
import { armMemory } from './arm.ts';
import { bareNode, idle, peak, startUp } from './memory.ts';
import type { ArmTarget } from '../support/target.ts';
import type { Memory } from './memory.ts';

const root = process.env['SOTA_AGENT_ROOT'] ?? '.';
const cache = process.env['SOTA_AGENT_CACHE'] ?? join(root, 'build/cache');
const armTargets = ['linux-arm64', 'linux-armv7l'] as const;
const targets = ['linux-x64', ...armTargets] as const;

const mib = (bytes: number) => (bytes / 1_048_576).toFixed(1).padStart(7);
const sizeOf = (path: string) => statSync(path).size;
const executableOf = (target: string) => join(root, `build/${target}/sota-agent`);
const nodeOf = (target: string) => {
  const { package: name, version } = targetOf(target).node;
  return join(cache, `${name}-${version}`, 'node');
};

function compressed(file: string, folder: string): readonly number[] {
  const run = (program: string, ...args: readonly string[]) =>
    execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 });
  const [xz, zstd, squashfs] = ['xz', 'zst', 'squashfs'].map((end) => join(folder, `x.${end}`));
  run('sh', '-c', 'xz -9 -T1 -c "$0" >"$1"', file, xz ?? '');
  run('zstd', '-19', '-T2', '-q', '-f', '-o', zstd ?? '', file);
  run('mksquashfs', file, squashfs ?? '', '-comp', 'xz', '-noappend', '-quiet', '-no-progress');
  return [xz, zstd, squashfs].map((path) => sizeOf(path ?? ''));
}

/** From the Node on npm to the file on the device: each step, and what compresses how far. */
async function files(): Promise<void> {
  const elf: { stripped(program: Buffer): Buffer } = await import(
    pathToFileURL(join(root, 'targets/elf.mjs')).href
  );
  const head = ['Node', 'stripped', 'trimmed, with the agent', 'xz -9', 'zstd -19', 'squashfs-xz'];
  console.log(`On flash, MiB   ${head.map((text) => text.padStart(9)).join('  ')}`);
  const folder = mkdtempSync(join(tmpdir(), 'sota-size-'));
  for (const target of targets) {
    const executable = executableOf(target);
    if (!existsSync(executable)) throw new Error(`there is no ${executable}: make targets`);
    const stripped = elf.stripped(readFileSync(nodeOf(target))).length;
    const plain = [sizeOf(nodeOf(target)), stripped, sizeOf(executable)];
    const sizes = [...plain, ...compressed(executable, folder)];
    const cells = sizes.map((size, at) => mib(size).padStart(Math.max(9, head[at]?.length ?? 0)));
    console.log(`${target.padEnd(14)}  ${cells.join('  ')}`);
  }
  rmSync(folder, { recursive: true });
  const bundle = sizeOf(join(root, 'build/sota-agent.cjs'));
  console.log(`\nThe agent's own part: ${bundle} bytes (build/sota-agent.cjs)\n`);
  for (const target of targets) {
    console.log(`${target.padEnd(16)}links ${targetOf(target).libraries.join(' ')}`);
  }
}

function line(what: string, { rss, anon, pss }: Memory): void {
  console.log(`${what.padEnd(44)} RSS ${mib(rss)}  RssAnon ${mib(anon)}  PSS ${mib(pss)}`);
}

function aboveBare(found: Memory, bare: Memory): void {
  const more = ((found.anon - bare.anon) / 1_048_576).toFixed(1);
  console.log(`${''.padEnd(44)} RssAnon is ${more} MiB above bare Node; the aim is 4`);
}

async function memory(): Promise<void> {
  console.log('\nIn memory, MiB, of linux-x64');
  const bare = await bareNode(nodeOf('linux-x64'), targetOf('linux-x64').execArgv);
  line('bare Node, same arguments, idle', bare);
  for (const transport of ['http', 'ws'] as const) {
    const found = await idle(transport);
    line(`registered over ${transport}, idle`, found);
    aboveBare(found, bare);
    line(`  the most in a session of 300 chunks`, await peak(transport));
  }
  const started = await startUp(nodeOf('linux-x64'), targetOf('linux-x64').execArgv);
  startLine(started.agentMs / 1_000, started.bareMs / 1_000);
}

/** A ratio, because the seconds are those of this machine, or of an emulator. */
function startLine(agentS: number, bareS: number, floorS?: number): void {
  const floor = floorS === undefined ? '' : `, that listens and connects ${floorS.toFixed(2)} s`;
  const bare = `bare Node with an empty script ${bareS.toFixed(2)} s${floor}`;
  const seconds = `${agentS.toFixed(2)} s; ${bare}`;
  const ratio = (agentS / bareS).toFixed(2);
  console.log(`From exec to "registered": ${seconds}; ratio ${ratio}, the aim is 1.5`);
}

async function memoryOfArm(target: ArmTarget): Promise<void> {
  console.log(`\nIn memory, MiB, of ${target}, in an emulated machine`);
  const programs = { agent: executableOf(target), node: nodeOf(target) };
  const { bare, idle: found, peak: most, ...seconds } = await armMemory(target, programs);
  line('bare Node, same arguments, idle', bare);
  line('registered over ws, idle', found);
  aboveBare(found, bare);
  line('  the most in a session of 100 chunks', most);
  startLine(seconds.agentSeconds, seconds.bareSeconds, seconds.floorSeconds);
}

if (process.env['ONLY'] !== 'memory') await files();
await memory();
for (const target of armTargets) await memoryOfArm(target);
