// Days in which nothing happens, or in which the node is gone, of a whole agent on a fake clock:
// how often it wakes up, calls, writes and logs.
import { chunkBytes, journalReserveDelayMs } from '../../src/limits.ts';
import { reconnectDelayMsMaxOf } from '../../src/backends/rvi/local-node.ts';
import { createRetry } from '../../src/backends/rvi/transport/reconnect-backoff.ts';
import { createFakeClock, settle } from './control.ts';
import { random, settingsOf, startFake } from './daemon.ts';
import { changing, createMemoryDisk } from './memory-disk.ts';
import { engine } from './store.ts';
import type { CallResult } from '../../src/backends/rvi/transport/transport.ts';

export const dayMs = 86_400_000;

export type Day = {
  /** Moments at which timers run. A call that fails costs one or two more. */
  readonly wakeUps: number;
  readonly calls: number;
  /** Operations that change the disk. */
  readonly writes: number;
  /** Codes of the log lines, at the default level, and how many more `debug` has. */
  readonly codes: readonly string[];
  readonly debugLines: number;
};

const chunksCount = 4_096;
const offer = { packages: [{ package: engine, size: chunksCount * chunkBytes }] };
const start = { package: engine, checksum: 'a'.repeat(40), chunkscount: chunksCount };
const chunk = { index: 1, package: engine, bytes: Buffer.alloc(chunkBytes).toString('base64') };

const urls = { local: 'http://127.0.0.1:8901', remote: 'http://node.example:8901' } as const;
export type Place = keyof typeof urls;

async function startAt(place: Place) {
  const disk = createMemoryDisk();
  const settings = settingsOf(`[rvi]\nurl = "${urls[place]}"\nlisten = "10.0.0.7:9080"`);
  const made = await startFake({ disk, settings });
  made.node.up();
  await settle();
  // A start reserves the blocks of the journal a little later.
  await made.clock.advance(journalReserveDelayMs);
  const count = () => ({
    wakeUps: made.clock.wakeUps(),
    calls: made.node.said.length,
    writes: disk.ops.filter(({ verb }) => changing.includes(verb)).length,
    lines: made.lines.lines.length,
  });
  async function day(): Promise<Day> {
    const before = count();
    await made.clock.advance(dayMs);
    const after = count();
    const lines = made.lines.lines.slice(before.lines);
    const shown = lines.filter((line) => !line.startsWith('debug'));
    return {
      wakeUps: after.wakeUps - before.wakeUps,
      calls: after.calls - before.calls,
      writes: after.writes - before.writes,
      codes: shown.map((line) => line.split(' ')[1] ?? ''),
      debugLines: lines.length - shown.length,
    };
  }
  return { ...made, day };
}

/** Registered, and nothing to do. */
export async function idleDay(place: Place): Promise<Day> {
  return (await startAt(place)).day();
}

/** The node disappears during a transfer, and refuses all calls. */
export async function offlineDay(place: Place): Promise<Day> {
  const { node, clock, day } = await startAt(place);
  node.deliver('/sota/notify', offer);
  await clock.advance(100);
  node.deliver('/sota/start', start);
  await settle();
  node.deliver('/sota/chunk', chunk);
  await settle();
  const refused: CallResult = { ok: false, code: 'refused', reason: 'ECONNREFUSED' };
  node.answer(() => refused);
  return day();
}

/** A WebSocket that is refused, or whose certificate is not valid by the clock of the device. */
export async function dialDay(place: Place, isClockInDoubt: boolean) {
  const clock = createFakeClock();
  const mostMs = (failures: number) => reconnectDelayMsMaxOf(urls[place], failures);
  const retry = createRetry({ clock, random, log: () => undefined }, mostMs);
  let dials = 0;
  const dial = () => {
    dials += 1;
    retry.again(dial, isClockInDoubt);
  };
  dial();
  await clock.advance(dayMs);
  retry.stop();
  return { wakeUps: clock.wakeUps(), dials };
}
