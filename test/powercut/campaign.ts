// Runs a number of power losses of one executable in one guest, one package after the other, and
// counts the results.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificates } from '../support/certificates.ts';
import { createRandom } from '../support/prng.ts';
import { createDisk } from './disk.ts';
import { makeExt4, makeGuest } from './guest.ts';
import { startMachine } from './machine.ts';
import { serveNbd } from './nbd.ts';
import { runSession } from './session.ts';
import type { ArmTarget } from '../support/target.ts';
import type { Guest } from './guest.ts';
import type { Control, SessionResult } from './session.ts';

export type CampaignOptions = {
  readonly target: ArmTarget;
  readonly executable: string;
  readonly seed: number;
  readonly tell: (line: string) => void;
};

export type Campaign = {
  /** Ends at the first violation. */
  run(control: Control, cuts: number): Promise<Sum>;
  close(): void;
};

export type Sum = SessionResult & { readonly packages: number; readonly seconds: number };

const cutsEachMax = 6;
const dataMebibytes = 32;

export async function createCampaign(options: CampaignOptions): Promise<Campaign> {
  const folder = mkdtempSync(join(tmpdir(), 'sota-powercut-'));
  const certificates = makeCertificates();
  const guest = makeGuest(folder, options.target, options.executable, certificates.ca.cert);
  makeExt4(join(folder, 'data.img'), dataMebibytes);
  const blank = readFileSync(join(folder, 'data.img'));
  const saved = await boot(folder, guest, blank);
  const prng = createRandom(options.seed);
  const { tell } = options;

  async function run(control: Control, cuts: number): Promise<Sum> {
    const startedMs = performance.now();
    let sum = none;
    let packages = 0;
    while (sum.cuts < cuts && sum.violations.length === 0) {
      const transport = packages % 2 === 0 ? 'http' : 'ws';
      const most = Math.min(cutsEachMax, cuts - sum.cuts);
      const { node } = certificates;
      const parts = { guest, saved, folder, blank, transport, node, control, prng, tell } as const;
      const result = await runSession({ ...parts, cuts: most });
      packages += 1;
      sum = added(sum, result);
      const [violation = 'installed, reported'] = result.violations;
      tell(`package ${packages} over ${transport}: ${violation}`);
    }
    return { ...sum, packages, seconds: (performance.now() - startedMs) / 1000 };
  }

  return { run, close: () => rmSync(folder, { recursive: true, force: true }) };
}

const none: SessionResult = {
  cuts: 0,
  dirtyCuts: 0,
  writesLost: 0,
  writesTorn: 0,
  chunksChecked: 0,
  chunksAgain: 0,
  violations: [],
};

function added(a: SessionResult, b: SessionResult): SessionResult {
  return {
    cuts: a.cuts + b.cuts,
    dirtyCuts: a.dirtyCuts + b.dirtyCuts,
    writesLost: a.writesLost + b.writesLost,
    writesTorn: a.writesTorn + b.writesTorn,
    chunksChecked: a.chunksChecked + b.chunksChecked,
    chunksAgain: a.chunksAgain + b.chunksAgain,
    violations: [...a.violations, ...b.violations],
  };
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
