// Runs floor.ts with the Node of the executable, over the messages of the whole payload.
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { buildSync } from 'esbuild';
import { chunkBytes } from '../backend/package.ts';
import { watch } from './proc.ts';
import { benchId } from './sender.ts';
import type { Usage } from './proc.ts';
import type { Payload } from './sender.ts';

export type Floor = {
  /** Syncs once (fdatasync) after `batch` chunks. */
  run(batch: number, strace?: readonly string[]): Promise<Usage>;
  /** Runs the same Node without any work. */
  idle(): Promise<Usage>;
  readonly node: string;
};

export function createFloor(folder: string, payload: Payload): Floor {
  const [script, messages] = [join(folder, 'floor.mjs'), join(folder, 'messages')];
  const node = nodePath();
  const options = { format: 'esm', platform: 'node' } as const;
  buildSync({ entryPoints: ['test/bench/floor.ts'], outfile: script, ...options });
  const messageBytes = writeMessages(payload, messages);
  const numbers = [String(messageBytes), String(payload.one.chunksCount)];

  async function run(batch: number, strace: readonly string[] = []): Promise<Usage> {
    const args = [messages, ...numbers, join(folder, 'out'), String(batch)];
    const floor = watch([...strace, node, script, ...args]);
    const { stdout } = floor.child;
    const said: unknown[] = stdout === null ? [] : await once(stdout, 'data');
    const usage = floor.usage();
    await floor.kill('SIGKILL');
    if (String(said[0]).trim() !== payload.one.checksum) throw new Error('the floor hashed amiss');
    return usage;
  }

  async function idle(): Promise<Usage> {
    const started = watch([node, '-e', 'process.stdin.resume()']);
    await pause(1_000);
    const usage = started.usage();
    await started.kill('SIGKILL');
    return usage;
  }

  return { run, idle, node };
}

/** All messages have one length, so that the loop need not search for their ends. */
function writeMessages(payload: Payload, path: string): number {
  const [from, to] = [openSync(payload.path, 'r'), openSync(path, 'w')];
  const data = Buffer.allocUnsafe(chunkBytes);
  let messageBytes = 0;
  for (let index = 1; index <= payload.one.chunksCount; index++) {
    readSync(from, data, 0, chunkBytes, (index - 1) * chunkBytes);
    const body = { index, bytes: data.toString('base64'), package: benchId };
    const params = { service_name: '/sota/chunk', parameters: [body] };
    const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'message', params });
    messageBytes ||= text.length + 8;
    writeSync(to, text.padEnd(messageBytes));
  }
  closeSync(from);
  closeSync(to);
  return messageBytes;
}

/** Returns the Node that the build used; NODE= overrides it, as in the build. */
export function nodePath(): string {
  const { NODE, SOTA_AGENT_CACHE = 'build/cache' } = process.env;
  const text = readFileSync('targets/linux-x64.json', 'utf8');
  const { node }: { node: { package: string; version: string } } = JSON.parse(text);
  const built = join(SOTA_AGENT_CACHE, `${node.package}-${node.version}`, 'node');
  if (NODE !== undefined) return NODE;
  return existsSync(built) ? built : process.execPath;
}
