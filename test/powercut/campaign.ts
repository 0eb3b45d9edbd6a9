// Runs a number of power losses of one executable in one guest, one package after the other, and
// counts the results.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificates } from '../support/certificates.ts';
import { createRandom } from '../support/prng.ts';
import { added, none } from './counts.ts';
import { createDisk } from './disk.ts';
import { makeExt4, makeGuest } from './guest.ts';
import { startMachine } from './machine.ts';
import { serveNbd } from './nbd.ts';
import { runSession } from './session.ts';
import type { ArmTarget } from '../support/target.ts';
import type { Counts } from './counts.ts';
import type { Guest } from './guest.ts';
import type { Control } from './session.ts';

export type CampaignOptions = {
  readonly target: ArmTarget;
  readonly executable: string;
  readonly seed: number;
  /** Number of the first package; the default is 1. Its plans depend on the seed and the number. */
  readonly firstPackage?: number;
  readonly tell: (line: string) => void;
};

export type Campaign = {
  /** Ends at the first violation. */
  run(control: Control, cuts: number): Promise<Sum>;
  close(): void;
};

export type Sum = Counts & { readonly packages: number; readonly seconds: number };

/** Power losses of one package at most. */
export const cutsEachMax = 6;
const dataMebibytes = 32;

export async function createCampaign(options: CampaignOptions): Promise<Campaign> {
  const { target, tell } = options;
  const folder = mkdtempSync(join(tmpdir(), 'sota-powercut-'));
  const certificates = makeCertificates();
  const { node } = certificates;
  const guest = makeGuest(folder, target, options.executable, certificates.ca.cert);
  // The block size of mkfs.ext4 for a small file system, and for one of a common size. With the
  // small one, a commit of ext4 waits for the data of the transfer.
  const [small, large] = [blankOf(folder, 1_024), blankOf(folder, 4_096)];
  const saved = await boot(folder, guest, small);
  let number = options.firstPackage ?? 1;

  async function run(control: Control, cuts: number): Promise<Sum> {
    const startedMs = performance.now();
    const last = number;
    let sum = none;
    // At least two packages, so that both transports are tested.
    const share = options.firstPackage === undefined ? Math.ceil(cuts / 2) : cuts;
    const cutsMax = Math.min(cutsEachMax, share);
    for (; sum.cuts < cuts && sum.violations.length === 0; number += 1) {
      const transport = number % 2 === 1 ? 'http' : 'ws';
      const blank = number % 3 === 0 ? small : large;
      const prng = createRandom(seedOf(options, number));
      const parts = { guest, saved, folder, blank, transport, node, control, prng, tell } as const;
      const result = await runSession({ ...parts, cuts: Math.min(cutsMax, cuts - sum.cuts) });
      sum = added(sum, result);
      const [violation = 'installed, reported'] = result.violations;
      tell(`package ${number} over ${transport}: ${violation}`);
      if (result.violations.length > 0) tell(`replay its plans: ${replayOf(options, number)}`);
    }
    const seconds = (performance.now() - startedMs) / 1000;
    return { ...sum, packages: number - last, seconds };
  }

  return { run, close: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Neighbouring seeds, and the targets, have no package in common. */
function seedOf({ target, seed }: CampaignOptions, number: number): number {
  return seed + (2 * number + (target === 'linux-arm64' ? 0 : 1)) * 1_000_003;
}

function replayOf({ target, seed }: CampaignOptions, number: number): string {
  return `make powercut TARGET=${target} SEED=${seed} PACKAGE=${number}`;
}

/** An empty file system. */
function blankOf(folder: string, blockBytes: number): Buffer {
  const file = join(folder, 'data.img');
  makeExt4(file, dataMebibytes, undefined, blockBytes);
  return readFileSync(file);
}

/**
 * Boots once to the point before the data disk is used; every boot of the test starts from there.
 */
async function boot(folder: string, guest: Guest, blank: Buffer): Promise<string> {
  const saved = join(folder, 'saved');
  const path = join(folder, 'nbd');
  const disk = createDisk(Buffer.from(blank));
  const nbd = await serveNbd({ path, disk, onChange: () => undefined });
  try {
    const monitor = join(folder, 'monitor');
    const machine = await startMachine({ guest, disk: path, monitor, port: 20_000 });
    await machine.until(/READY/);
    await machine.save(saved);
    return saved;
  } finally {
    await nbd.close();
  }
}
