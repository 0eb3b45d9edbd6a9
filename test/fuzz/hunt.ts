// Sends hostile input to one broken agent until it shows, and says in one line of JSON what it
// found. HINT: the seed to begin with.
import process from 'node:process';
import { runCampaign } from './campaign.ts';

const inputsMax = Number(process.env['RUNS'] ?? 12_000);
// By default those of a node in P3 with a target.
const seed = Number(process.env['HINT'] || 4);

void hunt();

async function hunt(): Promise<void> {
  const { inputs, failure } = await runCampaign(seed, inputsMax);
  console.log(JSON.stringify({ runs: inputs, found: failure }));
}
