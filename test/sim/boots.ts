// The device: runs one process of the real agent after the other, each on its own simulated ports,
// in the same boot or in another. A service manager restarts it after any kind of end.
import { startDaemon } from '../../src/agent/daemon.ts';
import { createClock } from './clock.ts';
import { createDisk, find } from './disk.ts';
import { createInstallers } from './installers.ts';
import { rotInJournal } from './scripts.ts';
import { directory } from './settings.ts';
import type { Daemon } from '../../src/agent/daemon.ts';
import type { State } from '../../src/agent/backend.ts';
import type { Settings } from '../../src/settings.ts';
import type { Timeline } from './clock.ts';
import type { Conditions, Streams } from './conditions.ts';
import type { DirectoryNode } from './flash.ts';
import type { Gate } from './gate.ts';
import type { Software } from './installers.ts';
import type { Journey } from './journeys.ts';
import type { Oracle } from './oracle.ts';
import type { Backend } from './server.ts';

export type DeviceParts = {
  readonly journey: Journey;
  readonly conditions: Conditions;
  readonly streams: Streams;
  readonly timeline: Timeline;
  readonly gate: Gate;
  readonly root: DirectoryNode;
  readonly software: Software;
  readonly backend: Backend;
  readonly oracle: Oracle;
  readonly settingsOf: (life: number) => Settings;
  readonly wallMs: () => number;
  readonly builtMs: number;
  readonly capacityBytes: () => number;
  readonly trace: ((what: string) => void) | undefined;
  readonly violate: (what: string) => void;
};

export type Device = {
  /** Switches the device on. */
  start(): void;
  /** Ends the process immediately; the next one starts after `downMs`. */
  end(isNewBoot: boolean, downMs: number): void;
  /** The process ended by itself or by an uncaught error. */
  exit(why: string): void;
  isRunning(): boolean;
  /** State of the running process, once it has started. */
  state(): State | undefined;
  survived(): readonly string[];
  lives(): number;
};

type Life = { readonly number: number; readonly bootId: string; isOver: boolean; daemon?: Daemon };

/** Long enough that an agent that always fails does not use up the time of the run. */
const restartMs = 5_000;

export function createDevice(parts: DeviceParts): Device {
  const { journey, conditions, streams, timeline, gate, root, oracle, trace } = parts;
  let life: Life | undefined;
  let lives = 0;
  let boots = 0;

  function end(isNewBoot: boolean, downMs: number): void {
    if (life === undefined || life.isOver) return;
    oracle.onGone();
    life.isOver = true;
    parts.backend.disconnect();
    if (isNewBoot) boots += 1;
    timeline.after(downMs, start);
  }

  function start(): void {
    lives += 1;
    const own: Life = { number: lives, bootId: `boot-${boots}`, isOver: false };
    life = own;
    trace?.(`LIFE ${lives} in ${own.bootId}`);
    void live(own);
  }

  async function live(own: Life): Promise<void> {
    const started = await startDaemon(portsOf(own));
    if (own.isOver) return;
    if (!started.ok) return exit(`not started: ${started.code} ${started.reason}`);
    const daemon = started.value;
    own.daemon = daemon;
    oracle.onBoot(daemon.state());
    daemon.onChange(() => {
      if (!own.isOver) oracle.onCommit(daemon.state());
    });
    await daemon.ended.catch((error: unknown) => {
      if (!own.isOver) exit(String(error));
    });
  }

  /** The agent reports damage only if a bit was flipped; the damaged file is kept for the user. */
  function onDamage(): void {
    if (journey.onPowerCut !== rotInJournal) parts.violate('it found damage that nobody made');
    const kept = find(root, `${directory}/journal.damaged`);
    if (kept === undefined && gate.faultsDone() === 0) parts.violate('the damaged file is gone');
  }

  /** The agent cannot keep a chunk that the disk does not let it read. */
  function onLoss(what: string): void {
    const [, chunkIndex, number] = /chunk (\d+) of packages\/(\d+),/.exec(what) ?? [];
    if (number === undefined || gate.faultsDone() === 0) return;
    oracle.rot(Number(number), Number(chunkIndex));
  }

  function portsOf(own: Life) {
    const breath = { isAlive: () => !own.isOver, number: own.number };
    return {
      clock: createClock(timeline, breath, parts.wallMs),
      random: streams.agent,
      log: (level: string, code: string, fields?: object) => {
        if (own.isOver) return;
        trace?.(`  ${level} ${code} ${JSON.stringify(fields ?? {})}`);
        if (code === 'journal-corrupt') onDamage();
        if (code === 'data-loss') onLoss(JSON.stringify(fields ?? {}));
        if (code === 'chunk-write-failed') oracle.onChunkRefused();
        if (code === 'storage-write-failed') oracle.onStorage('refuses');
        if (code === 'storage-recovered') oracle.onStorage('works');
      },
      disk: createDisk({
        root,
        gate,
        life: breath,
        prng: streams.disk,
        capacityBytes: parts.capacityBytes,
        canReserve: conditions.canReserve,
        onViolation: parts.violate,
        directory,
      }),
      settings: parts.settingsOf(own.number),
      transport: parts.backend.connect(breath),
      installers: createInstallers({
        software: parts.software,
        manner: journey.manner,
        root,
        gate,
        life: breath,
        name: journey.installerOf?.(own.number) ?? 'opkg',
        onStart: oracle.onStarted,
        onReboot: () => void timeline.after(2_000, () => breath.isAlive() && end(true, 5_000)),
      }),
      bootId: own.bootId,
      build: { version: '0.0.0-sim', builtMs: parts.builtMs },
    };
  }

  function exit(why: string): void {
    if (life?.isOver !== false) return;
    trace?.(`EXIT ${why}`);
    // Only a failed disk may end the agent.
    if (gate.faultsDone() === 0) parts.violate(`it ended: ${why}`);
    end(false, restartMs);
  }

  return {
    start,
    end,
    exit,
    isRunning: () => life?.isOver === false,
    state: () => life?.daemon?.state(),
    survived: () => life?.daemon?.status().recovered ?? [],
    lives: () => lives,
  };
}
