// Measures the time from exec to the first ack when a killed agent resumes a transfer with a given
// number of stored chunks. Each start finds exactly the files that the kill left.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { inHome, journalOf } from './agent-run.ts';
import { inFolder } from './proc.ts';
import { benchId } from './sender.ts';
import type { Usage } from './proc.ts';
import type { Payload } from './sender.ts';

export type Resume = {
  readonly heldCount: number;
  /** One value for each start. */
  readonly ackMs: number[];
  /** Of the run that received the chunks: memory must not grow with the package. */
  readonly usage: Usage;
};

export async function timeResumes(
  payload: Payload,
  counts: readonly number[],
  rounds: number,
): Promise<readonly Resume[]> {
  return inFolder(async (folder) => {
    const resumes: Resume[] = [];
    for (const heldCount of counts) {
      resumes.push(await prepare(join(folder, String(heldCount)), payload, heldCount));
    }
    for (let round = 0; round < rounds; round++) {
      for (const { heldCount, ackMs } of resumes) {
        ackMs.push(await restart(join(folder, String(heldCount)), payload, heldCount));
      }
    }
    return resumes;
  });
}

/** Returns a package with 16 more chunks than are stored; its checksum is never verified. */
function packageFor(payload: Payload, heldCount: number): Payload {
  const chunksCount = heldCount + 16;
  const one = { ...payload.one, id: benchId, chunksCount, checksum: '0'.repeat(40) };
  return { ...payload, one };
}

async function prepare(home: string, payload: Payload, heldCount: number): Promise<Resume> {
  const one = packageFor(payload, heldCount);
  const options = { transport: 'ws', payload: one, inFlight: 16, untilIndex: heldCount } as const;
  const usage = await inHome(home, options, [], async (sender, agent) => {
    await sender.done;
    return agent.usage();
  });
  copyFileSync(journalOf(home), `${home}/journal.kept`);
  return { heldCount, ackMs: [], usage };
}

async function restart(home: string, payload: Payload, heldCount: number): Promise<number> {
  copyFileSync(`${home}/journal.kept`, journalOf(home));
  const one = packageFor(payload, heldCount);
  const options = { transport: 'ws', payload: one, untilIndex: 0 } as const;
  const startedMs = performance.now();
  return inHome(home, options, [], async (sender) => {
    const { atMs, count } = await sender.acked;
    if (count !== heldCount) throw new Error(`${count} chunks are acked, not ${heldCount}`);
    return atMs - startedMs;
  });
}
