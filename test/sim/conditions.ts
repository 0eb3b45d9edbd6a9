// The choices of a seed: the versions of node and server, the transport, its faults, and the
// behaviour of the device. Each group of choices has its own random stream, so that an interruption
// changes none.
import { createRandom } from '../support/prng.ts';
import { fair } from './server.ts';
import type { Prng } from '../support/prng.ts';
import type { DialectName } from '../backend/dialects.ts';
import type { NodeKind } from '../backend/node-rules.ts';
import type { ServerKind } from '../backend/server-rules.ts';
import type { Way, Weather } from './server.ts';

export type Conditions = {
  readonly kind: ServerKind;
  readonly dialect: DialectName;
  readonly node: NodeKind;
  readonly way: Way;
  readonly weather: Weather;
  readonly ack: 'auto' | 'full' | 'tail';
  /** Longest time of one operation of the disk; 0: immediate. */
  readonly latencyMsMax: number;
  /** Maximum time from an interruption to the next start. */
  readonly downMsMax: number;
  /** If true, the agent makes the storage directory; otherwise the system's image has it. */
  readonly isFresh: boolean;
  readonly canReserve: boolean;
};

export type Streams = {
  readonly agent: Prng;
  readonly network: Prng;
  readonly disk: Prng;
  /** What survives an interruption, and how long the device is down. */
  readonly cuts: Prng;
  /** The places of random interruptions. */
  readonly plan: Prng;
};

const kinds: readonly ServerKind[] = ['S-A', 'S-B', 'S-C', 'S-M'];
const nodes: readonly NodeKind[] = ['0.3', '0.4', '0.5.1'];
/** This many consecutive seeds combine each server with each transport and each node. */
export const seedsInRound = 24;

export function conditionsOf(seed: number, isRough: boolean): Conditions {
  const prng = createRandom(seed);
  return {
    kind: kinds[seed % 4] ?? 'S-A',
    dialect: 'P1',
    way: Math.floor(seed / 4) % 2 === 0 ? 'http' : 'ws',
    node: nodes[Math.floor(seed / 8) % 3] ?? '0.4',
    weather: isRough ? roughOf(prng) : fair,
    ack: prng.pick<Conditions['ack']>(['auto', 'full', 'tail']),
    latencyMsMax: prng.pick([0, 0, 3, 40]),
    downMsMax: prng.pick([10, 5_000, 5_000, 200_000]),
    isFresh: prng.chance(0.5),
    canReserve: prng.chance(0.7),
  };
}

/** Returns a random subset of the faults, each with a random strength. */
function roughOf(prng: Prng): Weather {
  const some = (most: number) => (prng.chance(0.5) ? prng.unit() * most : 0);
  return {
    drop: some(0.3),
    twice: some(0.3),
    delay: some(0.5),
    delayMsMax: prng.pick([50, 5_000, 90_000]),
    callLost: some(0.2),
    untilMs: prng.pick([60_000, 600_000]),
  };
}

export function streamsOf(seed: number): Streams {
  const prng = createRandom(seed ^ 0x5eed);
  const stream = () => createRandom(prng.uint32());
  const [agent, network, disk, cuts, plan] = [stream(), stream(), stream(), stream(), stream()];
  return { agent, network, disk, cuts, plan };
}
