// Takes one package from the offer to the report through a number of power losses. Each boot starts
// from the same saved memory and ends with a power loss at the moment of its plan.
import { join } from 'node:path';
import { isReported } from '../backend/backend.ts';
import { chunkBytes, packageOf } from '../backend/package.ts';
import { createNoting } from '../support/acked.ts';
import { until } from '../support/idle.ts';
import { createRandom } from '../support/prng.ts';
import { createContentOf } from './content.ts';
import { added, none, ofCut, ofStart } from './counts.ts';
import { createDisk } from './disk.ts';
import { startMachine } from './machine.ts';
import { serveNbd } from './nbd.ts';
import { inspect, inspectStart } from './oracle.ts';
import { describe, planOf, planOfCommit, planOfControl } from './plan.ts';
import { startFront } from './tls-front.ts';
import { createWatch } from './watch.ts';
import type { Backend } from '../backend/backend.ts';
import type { ServerPackage } from '../backend/package.ts';
import type { Pair } from '../support/certificates.ts';
import type { Prng } from '../support/prng.ts';
import type { Counts } from './counts.ts';
import type { CutReport, VolatileDisk } from './disk.ts';
import type { Guest } from './guest.ts';
import type { Machine } from './machine.ts';
import type { NbdServer } from './nbd.ts';
import type { Plan } from './plan.ts';
import type { Front } from './tls-front.ts';
import type { Watch } from './watch.ts';

/**
 * What is removed on purpose, so that the test must fail. `commit`: the executable is a mutant, and
 * each power loss is aimed at a commit.
 */
export type Control = 'none' | 'commit' | 'no-fsync' | 'no-barriers';

const planners: { readonly [control in Control]: (prng: Prng) => Plan } = {
  none: planOf,
  commit: planOfCommit,
  'no-fsync': planOfControl,
  'no-barriers': planOfControl,
};

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

const chunksCount = 96;

export async function runSession(options: SessionOptions): Promise<Counts> {
  const { blank, folder, transport, prng } = options;
  const data = bytesFrom(prng, chunksCount * chunkBytes - 1_000);
  const plans = Array.from({ length: options.cuts }, () => planners[options.control](prng));
  const one = packageOf({ name: 'firmware', version: '2.0.0' }, data);
  const acked = new Set<number>();
  const disk = createDisk(Buffer.from(blank));
  const start = createStart(disk, acked);
  const backend = createNoting({ transport, onRegistered: start.note }, one, acked);
  await backend.start();
  const front = await startFront(options.node, Number(new URL(backend.url).port));
  const watch = createWatch(disk, createContentOf(data));
  const { isHeld, changed } = watch;
  const nbd = await serveNbd({ path: join(folder, 'nbd'), disk, isHeld, onChange: changed });
  const life = { acked, backend, front, one, watch, nbd, start };
  let sum = none;
  try {
    for (const plan of [...plans, undefined]) {
      const lived = await live(options, life, plan).catch((error: unknown) => failed(error));
      const told = { id: one.id, data, acked };
      const first = start.take();
      if (first !== undefined) {
        const { platter } = first;
        sum = added(sum, ofStart(inspectStart(folder, platter, { ...told, acked: first.acked })));
      }
      // A chunk that is wrong at the start may stop the update later.
      if (lived instanceof Error && sum.violations.length === 0) throw lived;
      if (plan === undefined || sum.violations.length > 0) break;
      const held = plan.moment.kind === 'hold' ? plan.moment.survival : plan.survival;
      const report = disk.cut(plan.survival, createRandom(plan.seed), held);
      sum = added(sum, ofCut(report, inspect(folder, disk.platter, told)));
      options.tell(lineOf(sum, plan, lived === true, report, acked.size));
      if (sum.violations.length > 0 || isReported(backend.server, one)) break;
    }
    if (sum.violations.length === 0) sum = { ...sum, violations: endOf(backend, one) };
  } finally {
    await nbd.close();
    await front.close();
    await backend.stop();
  }
  return { ...sum, chunksAgain: backend.chunksRepeated() };
}

function failed(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function bytesFrom(prng: Prng, count: number): Buffer {
  const data = Buffer.alloc(Math.ceil(count / 4) * 4);
  for (let at = 0; at < data.length; at += 4) data.writeUInt32LE(prng.uint32(), at);
  return data.subarray(0, count);
}

function lineOf(
  sum: Counts,
  plan: Plan,
  isAimed: boolean,
  report: CutReport,
  ackedCount: number,
): string {
  return (
    `cut ${sum.cuts}: ${isAimed ? '' : 'at the end, not at '}${describe(plan)}; ` +
    `${report.held} held, ${report.waiting} in the cache, ${report.lost} lost, ` +
    `${report.torn} torn; ${ackedCount} of ${chunksCount} chunks acked, ` +
    `${sum.violations.length} violations`
  );
}

type Start = {
  note(): void;
  /** Returns what was there at the first message since the last call; undefined without one. */
  take(): Moment | undefined;
};

type Moment = { readonly platter: Buffer; readonly acked: ReadonlySet<number> };

/** Before its first message the agent checks what is on flash, so the platter is right then. */
function createStart(disk: VolatileDisk, acked: ReadonlySet<number>): Start {
  let first: Moment | undefined;
  const take = () => {
    const taken = first;
    first = undefined;
    return taken;
  };
  const now = () => ({ platter: Buffer.from(disk.platter), acked: new Set(acked) });
  return { note: () => void (first ??= now()), take };
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
  readonly start: Start;
};

/**
 * Runs one boot of the machine, without a plan until the report. Returns false if the moment of the
 * plan did not come before the report.
 */
async function live(options: SessionOptions, life: Life, plan: Plan | undefined): Promise<boolean> {
  const { guest, saved, folder, prng } = options;
  const { acked, backend, one, watch, nbd, start } = life;
  const ackedBefore = acked.size;
  watch.rest();
  const port = 20_000 + prng.below(10_000);
  const places = { disk: join(folder, 'nbd'), monitor: join(folder, 'monitor'), port };
  const machine = await startMachine({ guest, ...places, from: saved });
  try {
    machine.type(wordsFor(options, life, port));
    await machine.until(/MOUNTED|UNMOUNTABLE/);
    if (/UNMOUNTABLE/.test(machine.said())) throw new Error('not mountable');
    // A message that the machine before sent may have arrived late.
    start.take();
    if (plan !== undefined) watch.aim(plan);
    const acksMax = plan?.moment.kind === 'acks' ? plan.moment.count : Infinity;
    const isDone = () => isReported(backend.server, one) && backend.server.lists.length > 0;
    const isAimed = () => watch.isHit() || acked.size - ackedBefore >= acksMax;
    const isOver = () => isAimed() || isDone() || machine.isOver() || hasEnded(machine);
    await until('the power loss or the report', isOver);
    if (hasEnded(machine)) throw new Error('the agent ended');
    if (plan === undefined && !isDone()) throw new Error('the machine ended');
    return isAimed();
  } catch (error) {
    const planned = plan === undefined ? 'no power loss' : describe(plan);
    const parts = [String(error), planned, machine.said(), ...lastOf(backend)];
    throw new Error(parts.join('\n'));
  } finally {
    watch.rest();
    // Later writes of the machine must not reach the disk.
    nbd.disconnect();
    await machine.cut();
  }
}

/** The last messages of the server, and the last failures of the node. */
function lastOf({ server, failures }: Backend): readonly string[] {
  return [...server.log.slice(-16).map((seen) => JSON.stringify(seen)), ...failures.slice(-4)];
}

const hasEnded = (machine: Machine) => /ENDED/.test(machine.said());

/** The line that the guest waits for. */
function wordsFor(options: SessionOptions, { backend, front }: Life, port: number): string {
  const { transport, control, prng } = options;
  const isHttp = transport === 'http';
  const plain = backend.url.replace('127.0.0.1', '10.0.2.2');
  const url = isHttp ? plain : `wss://10.0.2.2:${front.port}${new URL(backend.url).pathname}`;
  const listen = [
    'SOTA_AGENT_RVI_LISTEN=10.0.2.15:9080',
    `SOTA_AGENT_RVI_NETWORK_ADDRESS=http://127.0.0.1:${port}`,
  ];
  return [
    `now=${Math.floor(Date.now() / 1000)}`,
    `seed=${prng.uint32()}`,
    `mount=${control === 'no-barriers' ? 'nobarrier' : 'defaults'}`,
    `preload=${control === 'no-fsync' ? 'libeatmydata.so' : ''}`,
    `url=${url}`,
    `listen="${isHttp ? listen.join(' ') : 'SOTA_AGENT_RVI_TLS_CA=/ca.pem'}"`,
  ].join(' ');
}
