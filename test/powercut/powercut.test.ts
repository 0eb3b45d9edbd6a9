// Tests power losses under a real kernel, a real file system and the ARM executables. The cache of
// the disk is volatile. Controls show that this test can fail: without fsync, without the barriers
// of the file system, and with agents that are broken in the commit, chunks must be missing.
import { existsSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { assert, suite } from '../support/suite.ts';
import { createCampaign } from './campaign.ts';
import { buildMutant, mutantNamed } from './mutants.ts';
import { sentenceOf } from './show.ts';
import type { Campaign } from './campaign.ts';
import type { Control } from './session.ts';
import type { ArmTarget } from '../support/target.ts';

const test = suite('power cuts');
const root = process.env['SOTA_AGENT_ROOT'] ?? '.';
const programs = ['qemu-system-aarch64', 'mkfs.ext4', 'e2fsck', 'debugfs', 'cpio', 'dpkg-deb'];
const missing = programs.filter((name) => spawnSync('which', [name]).status !== 0);
const testVm = test.needs(missing.join(', '), missing.length === 0);
const seed = Number(process.env['SEED'] ?? Math.floor(Date.now() / 1000));
const cuts: { readonly [target in ArmTarget]: number } = { 'linux-arm64': 6, 'linux-armv7l': 4 };
/**
 * A control is likely to fail at its first power loss; if none of these fails, the test detects
 * nothing.
 */
const controlCuts = 6;
const roundsMax = 3;

function executableOf(target: ArmTarget): string {
  const executable = join(root, `build/${target}/sota-agent`);
  if (!existsSync(executable)) {
    const built = spawnSync(process.execPath, ['build.mjs', target], { cwd: root });
    assert.is(built.status, 0, built.stderr.toString());
  }
  return executable;
}

async function withCampaign(
  target: ArmTarget,
  executable: string,
  act: (campaign: Campaign, lines: readonly string[]) => Promise<void>,
): Promise<void> {
  const lines: string[] = [];
  const tell = (line: string) => void lines.push(line);
  const campaign = await createCampaign({ target, executable, seed, tell });
  try {
    await act(campaign, lines);
  } finally {
    campaign.close();
  }
}

/** By chance all power losses of a round may come before the first ack, or while nothing waits. */
async function held(campaign: Campaign, target: ArmTarget, lines: readonly string[]) {
  for (let round = 1; ; round++) {
    const sum = await campaign.run('none', cuts[target]);
    console.log(`\n| ${target.padEnd(12)}  SEED=${seed}: ${sentenceOf(sum)}`);
    assert.equal(sum.violations, [], lines.join('\n'));
    if (sum.chunksChecked > 0 && sum.dirtyCuts > 0) return sum;
    assert.ok(
      round < roundsMax,
      `no power loss of ${round} rounds after an ack, or none in a write`,
    );
  }
}

async function found(campaign: Campaign, control: Control, name: string, lines: readonly string[]) {
  const broken = await campaign.run(control, controlCuts);
  const first = broken.violations[0]?.split('\n')[0] ?? 'nothing';
  console.log(`\n| control ${name}: after ${broken.cuts} cuts: ${first}`);
  assert.ok(broken.violations.length > 0, `${name} was not found:\n${lines.join('\n')}`);
}

testVm('arm64: lose nothing that was acked, and each package arrives; the controls fail', () =>
  withCampaign('linux-arm64', executableOf('linux-arm64'), async (campaign, lines) => {
    const sum = await held(campaign, 'linux-arm64', lines);
    assert.ok(sum.chunksAgain <= 2 * sum.cuts, `${sum.chunksAgain} chunks were sent again`);
    for (const control of ['no-fsync', 'no-barriers'] as const) {
      await found(campaign, control, control, lines);
    }
  }),
);

testVm('armv7l: lose nothing that was acked, and each package arrives', () =>
  withCampaign('linux-armv7l', executableOf('linux-armv7l'), async (campaign, lines) => {
    await held(campaign, 'linux-armv7l', lines);
  }),
);

/** Each is broken where only the order of data and records on the platter shows it. */
const brokenCommits = [
  'does not check the data of the last commit',
  'acks before data and facts are both on flash',
];
for (const name of brokenCommits) {
  testVm(`arm64: an agent that ${name} is found`, async () => {
    const { executable, remove } = buildMutant('linux-arm64', mutantNamed(name));
    try {
      await withCampaign('linux-arm64', executable, (campaign, lines) =>
        found(campaign, 'commit', name, lines),
      );
    } finally {
      remove();
    }
  });
}

test.run();
