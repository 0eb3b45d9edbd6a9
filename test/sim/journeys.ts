// The journeys: what the server offers, how the device behaves, and what happens meanwhile. The
// place of interruptions is not part of a journey.
import { transferOf } from '../../src/core/decision-helpers.ts';
import { ackJourneys } from './ack-journeys.ts';
import { willing } from './installers.ts';
import { sample } from './packages.ts';
import { storeJourneys } from './store-journeys.ts';
import {
  abortAtMessage,
  badCalls,
  deafToChunks,
  deafToReports,
  hostileNames,
  interleaved,
  reconfigured,
  replacedFile,
  reportLost,
  rough,
  serverRestarts,
} from './scripts.ts';
import type { Settings } from '../../src/settings.ts';
import type { Prng } from '../support/prng.ts';
import type { Conditions } from './conditions.ts';
import type { CutKind } from './gate.ts';
import type { Manner } from './installers.ts';
import type { Sample } from './packages.ts';
import type { Stage } from './scenario.ts';

export type Journey = {
  readonly name: string;
  readonly title: string;
  /** What the server offers; each package must be reported in the end. */
  readonly packages: readonly Sample[];
  /** Other files with the same names that may be sent, too. */
  readonly others?: readonly Sample[];
  readonly manner: Manner;
  /** The status in the last report of each package. */
  readonly status: boolean | 'any';
  /** The status may be false if there was an interruption. */
  readonly mayFail?: boolean;
  /** The server may be left in a state that only its restart ends (protocol 2.4). */
  readonly mayBlock?: boolean;
  readonly conditions?: Partial<Conditions>;
  readonly isRough?: boolean;
  /** Seeds that make a difference even without an interruption. */
  readonly seedsCount?: number;
  /** The kinds of interruption in a sweep; by default both. */
  readonly cutKinds?: readonly CutKind[];
  /** So short that all pairs of interruptions are tried. */
  readonly isSmall?: boolean;
  /** Chunks that come again before the agent has learned what an ack must list. */
  readonly learningMax?: number;
  /** Chunks may come again without an interruption, because the server repeats them. */
  readonly mayRepeat?: boolean;
  /** Maximum duration without interruptions and faults; a longer run has a stuck timer. */
  readonly worldMsMax?: number;
  readonly wallMs?: (worldMs: number) => number;
  readonly capacityBytes?: (stage: Stage) => number;
  readonly installerOf?: (life: number) => 'opkg' | 'command';
  readonly settingsOf?: (usual: Settings, life: number) => Settings;
  readonly script?: (stage: Stage) => void;
  readonly onPowerCut?: (stage: Stage, prng: Prng) => void;
  /** The journal that another agent left in the storage directory. */
  readonly journalOf?: (seed: number) => Uint8Array;
  /** A server that accepts names and versions of any kind. */
  readonly isLenient?: boolean;
};

const kib = 1_024;
const small = sample('sample', '1.2.3', 128 * kib + 4_465);
const tiny = sample('tiny', '0.0.1', 300);
const other = sample('sample', '1.2.3', 128 * kib + 777, 1);
const exact = sample('exact', '2.0.0', 128 * kib);
const empty = sample('empty', '1.0.0', 0);
const two = sample('two', '1.0.0', 64 * kib + 100);
const three = sample('three', '1.0.0', 64 * kib + 5_000);
const lying = { ...small, one: { ...small.one, checksum: '0'.repeat(40) } };
const strange = [sample('\u0073\u0308\u{1f600}', '1-\u00e9', 100), sample('con', '~1', 200)];

/** The name is the id of the update, as in the agent. */
const update = sample('6f1d3b52-0000-4000-8000-0000000000aa', '', small.one.sizeBytes);
const plain = { packages: [small], manner: willing, status: true };
const trueMs = (worldMs: number) => Date.UTC(2026, 10, 24) + Math.floor(worldMs);
/** In the middle of the transfer, while the agent waits for a lost chunk. */
const stepMs = 5_000;
const hourMs = 3_600_000;

export const journeys: readonly Journey[] = [
  { ...plain, name: 'J1', title: 'one package of three chunks', isSmall: true },
  {
    ...plain,
    name: 'J1s',
    title: 'one package of one chunk',
    packages: [tiny],
    isSmall: true,
  },
  {
    ...plain,
    name: 'J2',
    title: 'three packages, their chunks interleaved',
    packages: [small, two, three],
    script: interleaved,
  },
  { ...plain, name: 'J3', title: 'a bad line that breaks', isRough: true, script: rough },
  {
    ...plain,
    name: 'J4',
    title: 'the process is killed, the device goes on',
    cutKinds: ['kill'],
    isSmall: true,
  },
  { ...plain, name: 'J5a', title: 'the server restarts, same file', script: serverRestarts },
  {
    ...plain,
    name: 'J5b',
    title: 'the server restarts, another file of the same name',
    others: [other],
    // An interruption may lose the `start` of the new file; the chunks are then of two files.
    mayFail: true,
    script: replacedFile(other),
    mayRepeat: true,
  },
  {
    ...plain,
    name: 'J6',
    title: 'a reboot, and all is well',
    manner: { ...willing, verdict: 'reboot-required' },
  },
  {
    ...plain,
    name: 'J6b',
    title: 'an installer that takes its time',
    packages: [tiny],
    manner: { ...willing, steps: 60 },
  },
  {
    ...plain,
    name: 'J7',
    title: 'a reboot, and it is not',
    // More denials than the agent tries.
    manner: { ...willing, verdict: 'reboot-required', health: false, denials: 7 },
    status: false,
  },
  {
    ...plain,
    name: 'J7b',
    title: 'an installer that fails, after it was busy',
    manner: { ...willing, verdict: 'failed', busy: 2 },
    status: false,
  },
  {
    ...plain,
    name: 'J8',
    title: 'the report is lost a hundred times',
    packages: [tiny],
    script: reportLost(100),
    settingsOf: (usual) => ({ ...usual, rvi: { ...usual.rvi, registerIntervalMs: 86_400_000 } }),
  },
  {
    ...plain,
    name: 'J9',
    title: 'no room for the package',
    capacityBytes: () => 300_000,
    status: false,
  },
  {
    ...plain,
    name: 'J9b',
    title: 'others fill the disk in the middle, for two minutes',
    mayFail: true,
    // Before there is a transfer a full disk would be an outcome.
    capacityBytes: ({ timeline, usedBytes, state }) => {
      const isReceiving = [...(state()?.core.packages.values() ?? [])].some(transferOf);
      return isReceiving && timeline.nowMs() < 120_000 ? usedBytes() : 1e9;
    },
  },
  {
    ...plain,
    name: 'J10',
    title: 'the server aborts, anywhere',
    script: abortAtMessage,
    mayRepeat: true,
    // The abort may follow each of fourteen messages, from each of the four servers.
    seedsCount: 56,
  },
  { ...plain, name: 'J11a', title: 'calls that are none', script: badCalls, mayRepeat: true },
  { ...plain, name: 'J11b', title: 'an empty package', packages: [empty] },
  { ...plain, name: 'J11c', title: 'a checksum that is wrong', packages: [lying], status: false },
  { ...plain, name: 'J11d', title: 'a last chunk of full size', packages: [exact] },
  {
    ...plain,
    name: 'J12a',
    title: 'born in 1970, then a step of 56 years',
    wallMs: (worldMs) => (worldMs < stepMs ? Math.floor(worldMs) : trueMs(worldMs)),
    script: deafToChunks,
    worldMsMax: 60_000,
  },
  {
    ...plain,
    name: 'J12b',
    title: 'the clock steps back by an hour',
    wallMs: (worldMs) => trueMs(worldMs) - (worldMs < stepMs ? 0 : hourMs),
    script: deafToChunks,
    worldMsMax: 60_000,
  },
  {
    ...plain,
    name: 'J12c',
    title: 'over the end of 2038',
    wallMs: (worldMs) => 2 ** 31 * 1_000 - stepMs + Math.floor(worldMs),
    script: deafToChunks,
    worldMsMax: 60_000,
  },
  {
    ...plain,
    name: 'J12d',
    title: 'over the end of 2106, and back to 1970',
    wallMs: (worldMs) =>
      worldMs < stepMs ? 2 ** 32 * 1_000 - stepMs + Math.floor(worldMs) : Math.floor(worldMs),
    script: deafToChunks,
    worldMsMax: 60_000,
  },
  {
    ...plain,
    name: 'J12e',
    title: 'in 1970 for ever, and the report has to wait',
    wallMs: Math.floor,
    script: deafToReports,
    worldMsMax: 60_000,
  },
  {
    ...plain,
    name: 'J12f',
    title: 'a step of 56 years while the report waits',
    wallMs: (worldMs) => (worldMs < stepMs ? Math.floor(worldMs) : trueMs(worldMs)),
    script: deafToReports,
    worldMsMax: 120_000,
  },
  {
    ...plain,
    name: 'J13',
    title: 'names that are paths, or strange, or long',
    packages: strange,
    script: hostileNames,
    isLenient: true,
  },
  {
    ...plain,
    name: 'J14',
    title: 'another configuration after each start',
    manner: { ...willing, probe: 'unknown' },
    status: 'any',
    ...reconfigured,
  },
  {
    ...plain,
    name: 'J15',
    title: 'the next agent starts at once, over and over',
    conditions: { downMsMax: 1 },
    cutKinds: ['kill'],
  },
  {
    ...plain,
    name: 'J18',
    title: 'an update of P2',
    packages: [update],
    conditions: { dialect: 'P2', kind: 'S-C' },
  },
  {
    ...plain,
    name: 'J19',
    title: 'an update of P3, a reboot, and a bad line',
    packages: [update],
    manner: { ...willing, verdict: 'reboot-required' },
    conditions: { dialect: 'P3', kind: 'S-M' },
    isRough: true,
  },
  ...ackJourneys,
  ...storeJourneys,
];

export function journeyOf(name: string): Journey {
  const found = journeys.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new Error(`no journey ${name}: ${journeys.map((one) => one.name).join(' ')}`);
}
