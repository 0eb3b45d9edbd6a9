// Part of the oracle: every outcome is reported until the server has received it, and is true.
import { keyOf, historyKeyOf, transferOf } from '../../src/core/decision-helpers.ts';
import { reportSendsMax } from '../../src/limits.ts';
import { isBody } from '../backend/dialect.ts';
import { wordOf } from './installers.ts';
import { packageIn } from './oracle.ts';
import type { State } from '../../src/agent/backend.ts';
import type { Software } from './installers.ts';
import type { Journey } from './journeys.ts';
import type { Hardships } from './oracle.ts';
import type { Sample } from './packages.ts';

export type ReportOptions = {
  readonly journey: Journey;
  readonly software: Software;
  readonly state: () => State | undefined;
  readonly violate: (what: string) => void;
};

type Told = { readonly status: boolean; readonly number: number };
/** An outcome on flash that the server must receive. */
type Debt = { said: number; isHeard: boolean };

export function createReportOracle({ journey, software, state, violate }: ReportOptions) {
  const { manner } = journey;
  const told = new Map<string, Told>();
  const debts = new Map<string, Debt>();
  /** The newest transfer of each package, by its number in the agent. */
  const numbers = new Map<string, number>();

  function onReport(value: unknown, status: unknown): void {
    if (!isBody(value)) return violate('a report of no package');
    const key = wordOf({ name: String(value['name']), version: String(value['version']) });
    const number = numbers.get(key) ?? 0;
    const earlier = told.get(key);
    const isSettled = packageIn(state(), value)?.phase.kind === 'reporting';
    // A report that was in the queue when it was confirmed may still be sent.
    if (!isSettled && earlier === undefined) violate(`${key}: reported before it was settled`);
    if (earlier !== undefined && earlier.number === number && earlier.status !== status) {
      violate(`${key}: reported ${String(earlier.status)}, then ${String(status)}`);
    }
    told.set(key, { status: status === true, number });
    const debt = debts.get(key);
    if (debt !== undefined) debt.said += 1;
    const isThere = software.truth.get(key) === 'installed' && manner.health;
    if (status === true && !isThere) violate(`${key}: reported as installed, and is not`);
    const canTell = manner.verdict === 'installed' && manner.probe === 'truth';
    const wasTried = software.starts.some((start) => start.key === key);
    if (status !== true && isThere && canTell && wasTried) {
      violate(`${key}: reported as failed, and is installed`);
    }
  }

  /**
   * Checks the state on flash: an outcome may leave it only after the server received its report.
   */
  function onKnown(now: State): void {
    const owed = new Set<string>();
    for (const one of now.core.packages.values()) {
      const key = wordOf(one.id);
      const number = transferOf(one)?.number;
      if (number !== undefined) numbers.set(key, number);
      if (one.phase.kind !== 'reporting') continue;
      owed.add(key);
      if (!debts.has(key)) debts.set(key, { said: 0, isHeard: false });
    }
    for (const [key, { said, isHeard }] of debts) {
      if (owed.has(key)) continue;
      debts.delete(key);
      if (!isHeard && said < reportSendsMax) violate(`${key}: its report is lost`);
    }
  }

  function onHeard(key: string): void {
    const debt = debts.get(key);
    if (debt !== undefined) debt.isHeard = true;
  }

  function onEnd(now: State, { cuts, faults }: Hardships, attemptsMax: number): void {
    for (const { one } of journey.packages) {
      const status = told.get(wordOf(one.id))?.status;
      if (status === undefined) violate(`${wordOf(one.id)}: never reported`);
      // Interruptions may use up all attempts, and a disk that fails may spoil one.
      const isWorn = mostAttempts(now, one) >= attemptsMax;
      const mayFail = isWorn || faults > 0 || (journey.mayFail === true && cuts > 0);
      if (journey.status === 'any' || status === journey.status || (!status && mayFail)) continue;
      violate(`${wordOf(one.id)}: reported ${String(status)}, not ${String(journey.status)}`);
    }
  }

  function mostAttempts(now: State, { id }: Sample['one']): number {
    const files = [...journey.packages, ...(journey.others ?? [])];
    const own = files.filter(({ one }) => keyOf(one.id) === keyOf(id));
    const attempts = own.map(
      ({ one }) => now.core.history.get(historyKeyOf(id, one.checksum))?.attempts ?? 0,
    );
    return Math.max(0, ...attempts);
  }

  return {
    onReport,
    onKnown,
    onHeard,
    onEnd,
    forget: () => debts.clear(),
    isTold: (word: string) => told.has(word),
  };
}
