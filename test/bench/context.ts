// What the parts of a run share: the payload, the idle Node, and the line of progress. Each is made
// when the first part asks for it.
import { randomFillSync } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { packageOfFile } from '../backend/package.ts';
import { nodePath } from './node.ts';
import { median } from './part.ts';
import { watch } from './proc.ts';
import { benchId } from './sender.ts';
import type { Bench } from './part.ts';
import type { Usage } from './proc.ts';
import type { Payload } from './sender.ts';

const idleStarts = 3;

export function createBench(folder: string, othersEnded: Promise<void>, mib: number): Bench {
  const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3);
  let payload: Payload | undefined;
  let idle: Promise<Usage> | undefined;
  return {
    folder,
    mib,
    rounds,
    payload: () => (payload ??= makePayload(folder, mib)),
    idleNode: () => (idle ??= idleNode()),
    othersEnded,
    progress(text) {
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
    },
  };
}

function makePayload(folder: string, mib: number): Payload {
  const path = join(folder, 'payload');
  const file = openSync(path, 'w');
  const data = Buffer.allocUnsafe(1_048_576);
  for (let at = 0; at < mib; at++) writeSync(file, randomFillSync(data));
  closeSync(file);
  return { path, one: packageOfFile(benchId, path) };
}

async function idleNode(): Promise<Usage> {
  const all: Usage[] = [];
  for (let count = 0; count < idleStarts; count++) {
    const started = watch([nodePath(), '-e', 'process.stdin.resume()']);
    await pause(1_000);
    all.push(started.usage());
    await started.kill('SIGKILL');
  }
  return medianUsage(all);
}

export function medianUsage(all: readonly Usage[]): Usage {
  const of = (key: keyof Usage) => median(all.map((one) => one[key]));
  return {
    wallS: of('wallS'),
    cpuS: of('cpuS'),
    peakRssMib: of('peakRssMib'),
    peakAnonMib: of('peakAnonMib'),
    writtenBytes: of('writtenBytes'),
  };
}
