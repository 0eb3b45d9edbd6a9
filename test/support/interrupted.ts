// Interrupts a vehicle and its installer: waits, kills, and the final checks.
import { journalFold } from '../../src/agent/journal-fold.ts';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { encodeJournal } from '../../src/store/journal-codec.ts';
import { assert } from './suite.ts';
import { until } from './idle.ts';
import { decodeJournal } from './decode-journal.ts';
import type { Fact } from '../../src/agent/backend.ts';
import type { Vehicle } from './vehicle.ts';

export async function waitFor<T>(what: string, look: () => T | undefined): Promise<T> {
  let found: T | undefined;
  await until(what, () => (found = look()) !== undefined);
  if (found === undefined) throw new Error(what);
  return found;
}

export function isGone(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

/** Ends the agent and its installer at the same moment, like a power loss. */
export async function cutBoth(vehicle: Vehicle, installer: number): Promise<void> {
  const ended = vehicle.agent().kill('SIGKILL');
  process.kill(installer, 'SIGKILL');
  await ended;
  await until('the installer to be gone', () => isGone(installer));
}

export async function cutAgent(vehicle: Vehicle): Promise<void> {
  await vehicle.agent().kill('SIGKILL');
}

export function factsOf({ directory }: Vehicle): readonly Fact[] {
  return decodeJournal(journalFold, readFileSync(join(directory, 'state/journal'))).facts;
}

/** The numbers of the attempts on flash. */
export function attemptsIn(vehicle: Vehicle): readonly number[] {
  return factsOf(vehicle).flatMap((fact) =>
    fact.kind === 'install-started' ? [fact.install.attempt] : [],
  );
}

export const folderOf = ({ directory }: Vehicle) => join(directory, 'state/packages/1');

/**
 * Checks that there is one report and no conflicting one, and that no data of the transfer is left.
 */
export async function onlyOutcome(vehicle: Vehicle) {
  const [outcome, ...others] = vehicle.backend.server.outcomes;
  if (outcome === undefined) throw new Error('no outcome');
  assert.equal(others, []);
  const packages = join(vehicle.directory, 'state/packages');
  await until('the payload to go', () => !existsSync(packages) || readdirSync(packages).length < 1);
  return outcome;
}

/** Simulates a reboot: sets the boot id of a pending reboot on flash to that of an earlier boot. */
export function leaveBoot(vehicle: Vehicle): void {
  const facts = factsOf(vehicle).map((fact) =>
    fact.kind === 'reboot-pending' ? { ...fact, bootId: 'an earlier boot' } : fact,
  );
  writeFileSync(join(vehicle.directory, 'state/journal'), encodeJournal(journalFold, facts, 1));
}
