// `make powercut CUTS=100`: simulates repeated power losses of a real Linux guest that runs the ARM
// executables. SEED= repeats the choices (not the timing); TARGET= selects one executable.
import { join } from 'node:path';
import process from 'node:process';
import { createCampaign } from './campaign.ts';
import { sentenceOf } from './show.ts';
import type { ArmTarget } from '../support/target.ts';

const root = process.env['SOTA_AGENT_ROOT'] ?? '.';
const cuts = Number(process.env['CUTS'] ?? 100);
const seed = Number(process.env['SEED'] ?? Math.floor(Date.now() / 1000));
const all: readonly ArmTarget[] = ['linux-arm64', 'linux-armv7l'];
const wanted = process.env['TARGET'];

for (const target of all.filter((one) => wanted === undefined || one === wanted)) {
  const executable = join(root, `build/${target}/sota-agent`);
  const tell = (line: string) => console.log(`${target}  ${line}`);
  const half = wanted === undefined ? Math.ceil(cuts / all.length) : cuts;
  const campaign = await createCampaign({ target, executable, seed, tell });
  try {
    const sum = await campaign.run('none', half);
    tell(`SEED=${seed}: ${sentenceOf(sum)}`);
    for (const violation of sum.violations) tell(`VIOLATED: ${violation}`);
    if (sum.violations.length > 0) process.exitCode = 1;
  } finally {
    campaign.close();
  }
}
