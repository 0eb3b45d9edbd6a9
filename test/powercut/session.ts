// Takes one package from the offer to the report through a number of power losses. Each boot starts
// from the same saved memory and ends with a power loss. The power loss is planned for a moment
// when the disk's cache has data, or for any moment.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { isReported } from '../backend/backend.ts';
import { packageOf } from '../backend/package.ts';
import { createNoting } from '../support/acked.ts';
import { createDisk } from './disk.ts';
import { startMachine } from './machine.ts';
import { serveNbd } from './nbd.ts';
import { inspect } from './oracle.ts';
import { pause, until } from '../support/idle.ts';
import type { Backend } from '../backend/backend.ts';
import type { ServerPackage } from '../backend/package.ts';
import { startFront } from './tls-front.ts';
import type { Pair } from '../support/certificates.ts';
import type { Prng } from '../support/prng.ts';
import type { Survival, VolatileDisk } from './disk.ts';
import type { Guest } from './guest.ts';
import type { NbdServer } from './nbd.ts';
import type { Front } from './tls-front.ts';

/** What is removed on purpose, so that the test must fail. */
export type Control = 'none' | 'no-fsync' | 'no-barriers';

export type SessionOptions = {
  readonly guest: Guest;
  /** The saved machine that each boot starts from. */
  readonly saved: string;
  readonly folder: string;
  /** An empty file system. */
  readonly blank: Buffer;
  /** `ws` goes over TLS, with this certificate of the host. */
  readonly transport: 'http' | 'ws';
  readonly node: Pair;
  readonly cuts: number;
  readonly control: Control;
  readonly prng: Prng;
  readonly tell: (line: string) => void;
};

export type SessionResult = {
  readonly cuts: number;
  /** Power losses at which the disk's cache had data. */
  readonly dirtyCuts: number;
  readonly writesLost: number;
  readonly writesTorn: number;
  readonly chunksChecked: number;
  readonly chunksAgain: number;
  readonly violations: readonly string[];
};

/** Ends the boot when `writes` wait after `flushes` flushes, after `acks` acks, or at the limit. */
type Plan = {
  readonly flushes: number;
  readonly writes: number;
  readonly acks: number;
  readonly limitMs: number;
};

const chunksCount = 96;

export async function runSession(options: SessionOptions): Promise<SessionResult> {
  const { blank, folder, transport, prng, tell } = options;
  const data = randomBytes(chunksCount * 65_536 - 1_000);
  const one = packageOf({ name: 'firmware', version: '2.0.0' }, data);
  const acked = new Set<number>();
  const backend = createNoting({ transport }, one, acked);
  await backend.start();
  const front = await startFront(options.node, Number(new URL(backend.url).port));
  const disk = createDisk(Buffer.from(blank));
  const watch = createWatch(disk);
  const nbd = await serveNbd({ path: join(folder, 'nbd'), disk, onChange: watch.changed });
  const sum = { cuts: 0, dirtyCuts: 0, writesLost: 0, writesTorn: 0, chunksChecked: 0 };
  const violations: string[] = [];
  try {
    while (violations.length === 0 && !isReported(backend.server, one)) {
      const isLast = sum.cuts >= options.cuts;
      const why = await live(options, { acked, backend, front, one, watch, nbd, isLast });
      const survival = survivalOf(options);
      const report = disk.cut(survival, prng);
      if (isLast) break;
      sum.cuts += 1;
      if (report.waiting > 0) sum.dirtyCuts += 1;
      sum.writesLost += report.lost;
      sum.writesTorn += report.torn;
      const found = inspect(folder, disk.platter, { id: one.id, data, acked });
      sum.chunksChecked += found.checked;
      violations.push(...found.violations);
      tell(
        `cut ${sum.cuts}: ${why}, ${report.waiting} writes in the cache (${survival}), ` +
          `${acked.size} of ${chunksCount} chunks acked, ${found.violations.length} violations`,
      );
    }
    if (violations.length === 0) violations.push(...endOf(backend, one));
  } finally {
    await nbd.close();
    await front.close();
    await backend.stop();
  }
  return { ...sum, chunksAgain: backend.chunksRepeated(), violations };
}

function survivalOf({ control, prng }: SessionOptions): Survival {
  return control === 'none' ? prng.pick(['drop', 'keep', 'tear', 'tear']) : 'drop';
}

function endOf(backend: Backend, one: ServerPackage): readonly string[] {
  const told = backend.server.outcomes.filter(({ id }) => id.name === one.id.name);
  if (told.length === 0) return ['it was never reported'];
  return told.some(({ status }) => !status) ? [`reported as failed: ${told[0]?.text ?? ''}`] : [];
}

type Life = {
  readonly acked: ReadonlySet<number>;
  readonly backend: Backend;
  readonly front: Front;
  readonly one: ServerPackage;
  readonly watch: Watch;
  readonly nbd: NbdServer;
  readonly isLast: boolean;
};

/** Runs one boot of the machine; returns what the power loss was planned for. */
async function live(options: SessionOptions, life: Life): Promise<string> {
  const { guest, saved, folder, transport, control, prng } = options;
  const { acked, backend, front, one, watch, nbd, isLast } = life;
  const ackedBefore = acked.size;
  watch.rest();
  const port = 20_000 + prng.below(10_000);
  const places = { disk: join(folder, 'nbd'), monitor: join(folder, 'monitor'), port };
  const machine = await startMachine({ guest, ...places, from: saved });
  try {
    const isHttp = transport === 'http';
    const plain = backend.url.replace('127.0.0.1', '10.0.2.2');
    const url = isHttp ? plain : `wss://10.0.2.2:${front.port}${new URL(backend.url).pathname}`;
    const listen = [
      'SOTA_AGENT_RVI_LISTEN=10.0.2.15:9080',
      `SOTA_AGENT_RVI_NETWORK_ADDRESS=http://127.0.0.1:${port}`,
    ];
    const words = [
      `now=${Math.floor(Date.now() / 1000)}`,
      `seed=${prng.uint32()}`,
      `mount=${control === 'no-barriers' ? 'nobarrier' : 'defaults'}`,
      `preload=${control === 'no-fsync' ? 'libeatmydata.so' : ''}`,
      `url=${url}`,
      `listen="${isHttp ? listen.join(' ') : 'SOTA_AGENT_RVI_TLS_CA=/ca.pem'}"`,
    ];
    machine.type(words.join(' '));
    await machine.until(/MOUNTED|UNMOUNTABLE/);
    if (/UNMOUNTABLE/.test(machine.said())) throw new Error(`not mountable:\n${machine.said()}`);
    const plan = planOf(options, isLast);
    const aimed = watch.aim(plan);
    const isDone = () => isReported(backend.server, one) && backend.server.lists.length > 0;
    const isOver = () =>
      aimed.isHit() ||
      acked.size - ackedBefore >= plan.acks ||
      isDone() ||
      machine.isOver() ||
      /ENDED/.test(machine.said());
    if (isLast) await until('the report', isOver).catch(() => undefined);
    else for (let waited = 0; !isOver() && waited < plan.limitMs; waited += 10) await pause(10);
    if (/ENDED/.test(machine.said())) throw new Error(`the agent ended:\n${machine.said()}`);
    if (isLast && !isDone()) throw new Error(`not done in time:\n${machine.said()}`);
    return aimed.isHit() ? `write ${plan.writes} after flush ${plan.flushes}` : 'at any moment';
  } finally {
    // Later writes of the machine must not reach the disk.
    nbd.disconnect();
    await machine.cut();
  }
}

/** Without fsync or barriers nothing is flushed for seconds: there the plan counts acks. */
function planOf({ control, prng }: SessionOptions, isLast: boolean): Plan {
  const never = { flushes: Infinity, writes: 1, acks: Infinity };
  if (isLast) return { ...never, limitMs: Infinity };
  if (control !== 'none') return { ...never, acks: 4, limitMs: 60_000 };
  if (prng.chance(0.25)) return { ...never, limitMs: prng.below(9_000) };
  const [flushes, writes] = [1 + prng.below(90), 1 + prng.below(4)];
  return { flushes, writes, acks: Infinity, limitMs: 12_000 };
}

type Watch = {
  readonly changed: (kind: 'write' | 'flush') => void;
  rest(): void;
  aim(plan: Plan): { isHit(): boolean };
};

/** Freezes the disk at the moment of the power loss, so that no later write is applied. */
function createWatch(disk: VolatileDisk): Watch {
  let onChange: (kind: 'write' | 'flush') => void = () => undefined;
  const rest = () => void (onChange = () => undefined);

  function aim({ flushes, writes }: Plan): { isHit(): boolean } {
    let flushesSeen = 0;
    let isHit = false;
    onChange = (kind) => {
      if (kind === 'flush') flushesSeen += 1;
      if (flushesSeen >= flushes && disk.waiting() >= writes) {
        isHit = true;
        disk.freeze();
      }
    };
    return { isHit: () => isHit };
  }
  return { changed: (kind) => onChange(kind), rest, aim };
}
