// Part of the oracle: installers see verified bytes only, and never more often than flash knows.
import { ledgerKeyOf } from '../../src/core/decision.ts';
import { wordOf } from './installers.ts';
import type { State } from '../../src/core/model.ts';
import type { Settings } from '../../src/core/settings.ts';
import type { Software, Start } from './installers.ts';
import type { Journey } from './journeys.ts';

export type InstallOptions = {
  readonly journey: Journey;
  readonly software: Software;
  readonly settings: Settings;
  readonly state: () => State | undefined;
  /** The server was told of an outcome; after that it may want it once more. */
  readonly isTold: (word: string) => boolean;
  readonly violate: (what: string) => void;
};

export function createInstallOracle(options: InstallOptions) {
  const { journey, software, violate } = options;
  const { manner } = journey;
  const files = [...journey.packages, ...(journey.others ?? [])];
  /** Attempts that led to a success: a new series begins at 0 after it, what was recorded stays. */
  const proven = new Map<string, number>();
  const verified = new Set(files.map(({ one }) => `${wordOf(one.id)} ${one.checksum}`));

  function onStarted({ key, sha1, wasInstalled }: Start): void {
    if (!verified.has(`${key} ${sha1}`)) {
      violate(`${key}: an installer was started on unverified bytes`);
    }
    const canTell = manner.probe === 'truth' && manner.verdict === 'installed';
    if (wasInstalled && canTell && !options.isTold(key)) violate(`${key}: installed once more`);
    const state = options.state();
    if (state !== undefined) checkAttempts(state);
  }

  function checkAttempts(state: State): void {
    const counts = new Map<string, number>();
    for (const { key, sha1 } of software.starts) {
      counts.set(`${key} ${sha1}`, (counts.get(`${key} ${sha1}`) ?? 0) + 1);
    }
    for (const [word, count] of counts) {
      const [name = '', version = '', sha1 = ''] = word.split(' ');
      const last = state.ledger.get(ledgerKeyOf({ name, version }, sha1))?.attempts ?? 0;
      const attempts = Math.max(last, proven.get(word) ?? 0);
      if (count > attempts) violate(`${word}: ${count} starts, ${attempts} attempts recorded`);
      if (count > options.settings.installer.attempts) violate(`${word}: ${count} starts`);
    }
  }

  function onCommit(state: State): void {
    for (const { id, checksum, attempts, outcome } of state.ledger.values()) {
      if (outcome === 'installed') proven.set(`${wordOf(id)} ${checksum}`, attempts);
    }
  }

  return { onStarted, onCommit, checkAttempts };
}
