// Part of the oracle: installers get verified bytes only, and never more often than there are
// attempts on flash.
import { wordOf } from './installers.ts';
import type { State } from '../../src/agent/backend.ts';
import type { Settings } from '../../src/settings.ts';
import type { Software, Start } from './installers.ts';
import type { Journey } from './journeys.ts';

export type InstallOptions = {
  readonly journey: Journey;
  readonly software: Software;
  readonly settings: Settings;
  readonly state: () => State | undefined;
  /** True if the server got an outcome; after that it may offer the package again. */
  readonly isTold: (word: string) => boolean;
  readonly violate: (what: string) => void;
};

export function createInstallOracle(options: InstallOptions) {
  const { journey, software, violate } = options;
  const { manner } = journey;
  const files = [...journey.packages, ...(journey.others ?? [])];
  /** Attempts of the last seen entry of a package, and of the series that ended with a success. */
  const recorded = new Map<string, { attempts: number; ended: number; isInstalled: boolean }>();
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
    onCommit(state);
    const counts = new Map<string, number>();
    for (const { key, sha1 } of software.starts) {
      counts.set(`${key} ${sha1}`, (counts.get(`${key} ${sha1}`) ?? 0) + 1);
    }
    for (const [word, count] of counts) {
      const { attempts, ended } = recorded.get(word) ?? { attempts: 0, ended: 0 };
      const all = ended + attempts;
      if (count > all) violate(`${word}: ${count} starts, ${all} attempts recorded`);
      if (count - ended > options.settings.installer.maxAttempts)
        violate(`${word}: ${count} starts`);
    }
  }

  /** After a success the entry starts again at zero; the recorded attempts stay. */
  function onCommit(state: State): void {
    for (const { id, checksum, attempts, outcome } of state.core.history.values()) {
      const word = `${wordOf(id)} ${checksum}`;
      const last = recorded.get(word);
      const isInstalled = outcome === 'installed';
      const isAgain = last?.isInstalled === true && !isInstalled;
      const ended = (last?.ended ?? 0) + (isAgain ? last.attempts : 0);
      recorded.set(word, { attempts, ended, isInstalled });
    }
  }

  return { onStarted, onCommit, checkAttempts };
}
