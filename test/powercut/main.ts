// `make powercut CUTS=100`: simulates repeated power losses of a real Linux guest that runs the ARM
// executables. SEED= repeats the plans (not the timing); TARGET= selects one executable; PACKAGE=
// runs one package of a seed; MUTANT= runs an agent that is broken on purpose, up to its violation.
import { join } from 'node:path';
import process from 'node:process';
import { createCampaign, cutsEachMax } from './campaign.ts';
import { buildMutant, mutantNamed } from './mutants.ts';
import { sentenceOf } from './show.ts';
import type { ArmTarget } from '../support/target.ts';

const root = process.env['SOTA_AGENT_ROOT'] ?? '.';
const seed = Number(process.env['SEED'] ?? Math.floor(Date.now() / 1000));
const all: readonly ArmTarget[] = ['linux-arm64', 'linux-armv7l'];
const wanted = process.env['TARGET'];
const firstPackage = process.env['PACKAGE'];
const cuts = Number(process.env['CUTS'] ?? (firstPackage === undefined ? 100 : cutsEachMax));
const mutant = process.env['MUTANT'];

for (const target of all.filter((one) => wanted === undefined || one === wanted)) {
  const built = mutant === undefined ? undefined : buildMutant(target, mutantNamed(mutant));
  const executable = built?.executable ?? join(root, `build/${target}/sota-agent`);
  const tell = (line: string) => console.log(`${target}  ${line}`);
  const share = wanted === undefined ? Math.ceil(cuts / all.length) : cuts;
  const first = firstPackage === undefined ? {} : { firstPackage: Number(firstPackage) };
  const campaign = await createCampaign({ target, executable, seed, tell, ...first });
  try {
    const sum = await campaign.run('none', share);
    tell(`SEED=${seed}: ${sentenceOf(sum)}`);
    for (const violation of sum.violations) tell(`VIOLATED: ${violation}`);
    if (sum.violations.length > 0 !== (mutant !== undefined)) process.exitCode = 1;
  } finally {
    campaign.close();
    built?.remove();
  }
}
