// The invariants, whatever happens. The oracle has the promises of the agent, not its methods:
//  1. each acked chunk is stored and correct: when it is acked, after each start, and until the
//     server or the medium makes it void; each chunk that a start finds stored is on flash before
//     the first ack (oracle-chunks.ts);
//  2. chunks come again only as far as an interruption explains: those in flight, and one for
//     each transfer;
//  3. an installer is started on verified bytes only, at most once for each attempt on flash, a
//     bounded number of times, and not on what is installed already (oracle-installs.ts);
//  4. each outcome is reported until the server has received it; no two reports differ, no
//     report is false, and none comes before the outcome (oracle-reports.ts);
//  5. no offered package is forgotten;
//  6. no write is outside the storage directory (disk.ts), and its size is at most that of the
//     packages and 1 MiB; nothing is left of a finished transfer; a failed sync is not repeated
//     (disk.ts);
//  7. every `timeout` is right by the clock of the device, every message has one object;
//  8. the run ends in the time that the journey allows; then there are no more writes
//     (world.ts).
import { keyOf } from '../../src/core/decision-helpers.ts';
import { isBody } from '../backend/dialect.ts';
import { find } from './disk.ts';
import { allocatedBytes } from './flash.ts';
import { plainBody } from './bodies.ts';
import { createChunkOracle } from './oracle-chunks.ts';
import { createInstallOracle } from './oracle-installs.ts';
import { createReportOracle } from './oracle-reports.ts';
import { directory } from './settings.ts';
import type { State } from '../../src/agent/backend.ts';
import type { Settings } from '../../src/settings.ts';
import type { DirectoryNode } from './flash.ts';
import type { Software, Start } from './installers.ts';
import type { Journey } from './journeys.ts';

export type OracleOptions = {
  readonly journey: Journey;
  readonly root: DirectoryNode;
  readonly software: Software;
  readonly settings: Settings;
  readonly state: () => State | undefined;
  readonly timeout: () => number;
  readonly violate: (what: string) => void;
};

/** What happened to the device in the whole run. */
export type Hardships = {
  readonly cuts: number;
  readonly faults: number;
  readonly worldMs: number;
};

export type Oracle = {
  /** A call leaves the agent. */
  onCall(text: string): void;
  /** A text reaches the agent. */
  onDelivered(service: string, parameters: unknown): void;
  /** A report reaches the server. */
  onHeard(word: string): void;
  /** The disk has changed. */
  onChanged(): void;
  onCommit(state: State): void;
  onStarted(start: Start): void;
  /** The process has ended. */
  onGone(): void;
  /** The disk refused a chunk. */
  onChunkRefused(): void;
  /** While the disk refuses each commit, the server repeats what is not acked. */
  onStorage(now: 'refuses' | 'works'): void;
  onBoot(state: State): void;
  onEnd(state: State, hardships: Hardships): void;
  /** The agent lost its state without a defect: all its promises are void. */
  forget(): void;
  /** Only chunks may be lost. */
  forgetChunks(): void;
  /** A bit of a chunk was flipped: the agent must not use it, and may request it again. */
  rot(number: number, chunkIndex: number): void;
  readonly chunksAgain: () => number;
};

export function createOracle(options: OracleOptions): Oracle {
  const { journey, root, software, state, violate } = options;
  const chunks = createChunkOracle({ journey, root, state, violate });
  const installs = createInstallOracle({ ...options, isTold: (word) => reports.isTold(word) });
  const reports = createReportOracle({ journey, software, state, violate });
  const files = [...journey.packages, ...(journey.others ?? [])];
  const usageBytesMax = files.reduce((sum, { one }) => sum + one.sizeBytes, 1_048_576);
  /** The phases of the last commit, and the packages that an abort may remove from them. */
  let known: ReadonlyMap<string, string> = new Map();
  const aborted = new Set<string>();

  function onCall(text: string): void {
    const call: unknown = JSON.parse(text);
    if (!isBody(call) || call['method'] !== 'message' || !isBody(call['params'])) return;
    const { service_name: name, timeout, parameters } = call['params'];
    if (timeout !== options.timeout()) {
      violate(`timeout ${String(timeout)}, not ${options.timeout()}`);
    }
    const list: readonly unknown[] = Array.isArray(parameters) ? parameters : [];
    if (list.length !== 1 || !isBody(list[0])) {
      return violate(`parameters: ${text.slice(0, 200)}`);
    }
    const body = plainBody(list[0]);
    if (String(name).endsWith('/sota/ack')) chunks.onAck(body['package'], body['chunks']);
    if (String(name).endsWith('/sota/report')) reports.onReport(body['package'], body['status']);
  }

  function onDelivered(service: string, parameters: unknown): void {
    const body: unknown = Array.isArray(parameters) ? parameters[0] : parameters;
    if (service === '/sota/abort') {
      for (const [key, phase] of known) if (abortable.includes(phase)) aborted.add(key);
    }
    chunks.onDelivered(service, plainBody(body));
  }

  function onCommit(now: State): void {
    known = new Map([...now.core.packages].map(([key, { phase }]) => [key, phase.kind]));
    installs.onCommit(now);
    reports.onKnown(now);
  }

  function onBoot(now: State): void {
    chunks.onBoot(now);
    installs.checkAttempts(now);
    for (const [key, phase] of known) {
      if (phase === 'reporting' || aborted.has(key) || now.core.packages.has(key)) continue;
      violate(`${key} is forgotten (${phase})`);
    }
    aborted.clear();
    reports.onKnown(now);
  }

  function onChanged(): void {
    const usedBytes = allocatedBytes(root);
    if (usedBytes > usageBytesMax) violate(`takes ${usedBytes} bytes of the disk`);
  }

  function onEnd(now: State, hardships: Hardships): void {
    const { cuts, faults, worldMs } = hardships;
    installs.checkAttempts(now);
    chunks.onEnd(faults);
    reports.onEnd(now, hardships, options.settings.installer.maxAttempts);
    if (cuts + faults === 0 && worldMs > (journey.worldMsMax ?? Infinity)) {
      violate(`took ${worldMs} ms, not ${journey.worldMsMax ?? 0}`);
    }
    const packages = find(root, `${directory}/packages`);
    const left = packages?.kind === 'directory' ? [...packages.current.keys()] : [];
    for (const name of left) violate(`packages/${name} is left`);
    const top = find(root, directory);
    for (const name of top?.kind === 'directory' ? top.current.keys() : []) {
      // The last one is kept for the user; boots.ts checks when it may exist.
      if (!['journal', 'journal.damaged', 'packages'].includes(name)) violate(`${name} is left`);
    }
  }

  function forget(): void {
    known = new Map();
    chunks.forget();
    reports.forget();
    software.starts.length = 0;
    software.sha1s.clear();
  }

  return {
    onCall,
    onDelivered,
    onHeard: reports.onHeard,
    onChanged,
    onCommit,
    onStarted: installs.onStarted,
    onGone: chunks.onGone,
    onChunkRefused: chunks.onChunkRefused,
    onStorage: chunks.onStorage,
    onBoot,
    onEnd,
    forget,
    forgetChunks: chunks.forget,
    rot: chunks.rot,
    chunksAgain: chunks.chunksAgain,
  };
}

/** The phases that an abort without a name may end: transfers, and what may soon become one. */
const abortable: readonly string[] = ['accepted', 'receiving'];

/** Returns the package that a message names, from the state of the agent. */
export function packageIn(state: State | undefined, value: unknown) {
  if (!isBody(value)) return undefined;
  const id = { name: String(value['name']), version: String(value['version']) };
  return state?.core.packages.get(keyOf(id));
}
