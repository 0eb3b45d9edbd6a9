// Tests damage at rest on the pure part of the agent. In each journal that a journey writes, each
// byte is flipped and each sector is zeroed. The result is decoded, folded, and compared with the
// state before the damage.
import { journalFold } from '../../src/agent/journal-fold.ts';
import { policy } from '../../src/agent/backend.ts';
import process from 'node:process';

import { transferOf } from '../../src/core/decision-helpers.ts';
import { factOf } from '../../src/store/record.ts';
import { scan } from '../../src/store/scan.ts';
import { simulate } from './world.ts';
import { decodeJournal } from '../support/decode-journal.ts';
import type { Package } from '../../src/core/model.ts';
import type { Frame } from '../../src/store/frame.ts';
import type { State } from '../../src/agent/backend.ts';
import type { Journey } from './journeys.ts';

export type Sweep = {
  bytes: number;
  sectors: number;
  /** Number of damages that were taken for the end of an interrupted append. */
  tails: number;
  readonly failures: string[];
};

export const newSweep = (): Sweep => ({ bytes: 0, sectors: 0, tails: 0, failures: [] });

const failuresMax = 5;

/** The zeros before copies are most of a journal: each eighth is tested, or all with LONG=1. */
const paddingStep = process.env['LONG'] === '1' ? 1 : 8;
const paddingBytes = 64;

function isPadding(data: Buffer, at: number): boolean {
  const around = data.subarray(Math.max(0, at - paddingBytes), at + paddingBytes);
  return around.every((byte) => byte === 0);
}

type Before = { readonly state: State; readonly records: ReadonlyMap<number, Buffer> };

/** Sweeps the bytes after `from`; those before it were swept when the journal was shorter. */
export function sweep(journal: Buffer, from: number, sectorBytes: number, all: Sweep): void {
  const state = policy.replay(decodeJournal(journalFold, journal).facts);
  const before: Before = { state, records: recordsIn(Buffer.from(journal)) };
  const data = Buffer.from(journal);
  for (let at = from; at < data.length; at += 1) {
    if (at % paddingStep > 0 && isPadding(data, at)) continue;
    const was = data[at] ?? 0;
    data[at] = was ^ (1 << (at % 8));
    all.bytes += 1;
    check(`byte ${at} of ${data.length}`, data, before, all);
    data[at] = was;
  }
  for (let at = from - (from % sectorBytes); at < data.length; at += sectorBytes) {
    const end = Math.min(data.length, at + sectorBytes);
    const was = Buffer.from(data.subarray(at, end));
    if (was.every((byte) => byte === 0)) continue;
    data.fill(0, at, end);
    all.sectors += 1;
    check(`sector at ${at} of ${data.length}`, data, before, all);
    data.set(was, at);
  }
}

/** Returns the payloads by sequence number. */
function recordsIn(data: Buffer): ReadonlyMap<number, Buffer> {
  return recordsOf(data, scan(data).frames);
}

function recordsOf(data: Buffer, frames: readonly Frame[]): ReadonlyMap<number, Buffer> {
  return new Map(
    frames.map(({ sequence, payloadAt, end }) => [sequence ?? -1, data.subarray(payloadAt, end)]),
  );
}

function check(what: string, data: Buffer, before: Before, all: Sweep): void {
  if (all.failures.length >= failuresMax) return;
  let complaint: string | undefined;
  try {
    complaint = complaintOf(data, before, all);
  } catch (error) {
    complaint = String(error);
  }
  if (complaint !== undefined) all.failures.push(`${what}: ${complaint}`);
}

function complaintOf(data: Buffer, before: Before, all: Sweep): string | undefined {
  const { frames, damages, soundBytes } = scan(data);
  if (damages.length === 0) all.tails += 1;
  if (damages.length === 0 && soundBytes === data.length) return 'is not noticed';
  const records = recordsOf(data, frames);
  // The same records are the same facts.
  if (isSame(records, before.records)) return undefined;
  const { facts, isForeign, lostCount } = decodeJournal(journalFold, data);
  if (isForeign) return 'is taken for a stranger';
  const after = policy.replay(facts);
  if (lostCount > 0 && !after.core.hasLostRecords) return 'no installer would be asked';
  return lossIn(before.state, after, damages.length > 0 && lostCount === 0);
}

function isSame(one: ReadonlyMap<number, Buffer>, other: ReadonlyMap<number, Buffer>): boolean {
  if (one.size !== other.size) return false;
  return [...one].every(([sequence, payload]) => other.get(sequence)?.equals(payload) === true);
}

const attemptOf = ({ phase }: Package) => ('install' in phase ? phase.install : undefined);

/** Only chunks may be lost: they are received again. */
function lossIn(before: State, after: State, isWhole: boolean): string | undefined {
  for (const [key, one] of before.core.packages) {
    const now = after.core.packages.get(key);
    if (now === undefined) return `${key} is forgotten`;
    const [was, is] = [one.phase, now.phase];
    if (was.kind !== is.kind) return `${key} was ${was.kind} and is ${is.kind}`;
    if (was.kind === 'reporting' && JSON.stringify(was) !== JSON.stringify(is)) {
      return `${key}: another report is owed`;
    }
    const isSame = JSON.stringify(attemptOf(one)) === JSON.stringify(attemptOf(now));
    if (!isSame) return `${key}: another attempt`;
    const [had, has] = [transferOf(one)?.chunks.count ?? 0, transferOf(now)?.chunks.count ?? 0];
    if (has > had) return `${key}: holds what it did not`;
    if (isWhole && has < had) return `${key}: lost chunks, and no record is said to be lost`;
  }
  if (after.core.packages.size > before.core.packages.size)
    return 'a package that is over came back';
  if (JSON.stringify([...before.core.history]) !== JSON.stringify([...after.core.history])) {
    return 'other attempts are remembered';
  }
  return JSON.stringify(before.backend.server.services) ===
    JSON.stringify(after.backend.server.services)
    ? undefined
    : 'the server is forgotten';
}

/**
 * Returns true if nothing is damaged, and each record that is written twice exists twice. A fault
 * directly after an append, before its copies, may lose a record that has no copy.
 */
export function isSound(journal: Buffer): boolean {
  const { frames, damages, soundBytes } = scan(journal);
  if (damages.length > 0 || soundBytes < journal.length) return false;
  const copies = new Set(frames.filter(({ isCopy }) => isCopy).map(({ sequence }) => sequence));
  const originals = frames.filter(({ isCopy, payloadAt, end }) => {
    const fact = factOf(journalFold.codec, journal.subarray(payloadAt, end));
    return !isCopy && fact !== undefined && journalFold.codec.isCritical(fact);
  });
  return originals.length > 0 && originals.every(({ sequence }) => copies.has(sequence));
}

/** Returns each state that a power loss could leave, if it differs from the one before. */
export async function journalsOf(journey: Journey): Promise<readonly Buffer[]> {
  const states: Buffer[] = [];
  let last: Buffer = Buffer.alloc(0);
  const onJournal = (journal: Buffer) => {
    if (journal.equals(last)) return;
    last = journal;
    if (isSound(journal)) states.push(journal);
  };
  await simulate({ journey, seed: 1, plan: { kind: 'list', cuts: [] }, faults: [], onJournal });
  return states;
}

/**
 * Sweeps the whole last state of a file, and of the others only what they added to the one before.
 */
export function sweepAll(states: readonly Buffer[], all: Sweep): void {
  const isLonger = (one: Buffer | undefined, other: Buffer | undefined) =>
    one !== undefined && other?.subarray(0, one.length).equals(one) === true;
  for (const [at, journal] of states.entries()) {
    const before = states[at - 1];
    const isLast = !isLonger(journal, states[at + 1]);
    sweep(journal, isLonger(before, journal) && !isLast ? (before?.length ?? 0) : 0, 512, all);
  }
}
