// Runs floor.ts with the Node of the executable, over the messages of the whole payload.
import { once } from 'node:events';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { chunkBytes } from '../backend/package.ts';
import { nodePath } from './node.ts';
import { watch } from './proc.ts';
import { benchId } from './sender.ts';
import type { Usage } from './proc.ts';
import type { Payload } from './sender.ts';

/** Syncs once (fdatasync) after `batch` chunks. */
export type Floor = (batch: number) => Promise<Usage>;

export function createFloor(folder: string, payload: Payload): Floor {
  const [script, messages] = [join(folder, 'floor.mjs'), join(folder, 'messages')];
  const options = { format: 'esm', platform: 'node' } as const;
  buildSync({ entryPoints: ['test/bench/floor.ts'], outfile: script, ...options });
  const messageBytes = writeMessages(payload, messages);
  const numbers = [String(messageBytes), String(payload.one.chunksCount)];

  return async (batch) => {
    const args = [messages, ...numbers, join(folder, 'out'), String(batch)];
    const floor = watch([nodePath(), script, ...args]);
    const { stdout } = floor.child;
    const said: unknown[] = stdout === null ? [] : await once(stdout, 'data');
    const usage = floor.usage();
    await floor.kill('SIGKILL');
    if (String(said[0]).trim() !== payload.one.checksum) throw new Error('the floor hashed amiss');
    return usage;
  };
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
