// Sends hostile input to one broken agent until a check fails, and prints the finding as one line
// of JSON. HINT is the first seed.
import process from 'node:process';
import { runCampaign } from './campaign.ts';

const inputsMax = Number(process.env['RUNS'] ?? 12_000);
// By default, the seeds of a node in P3 with an honest transfer.
const seed = Number(process.env['HINT'] || 4);

void hunt();

async function hunt(): Promise<void> {
  const { inputs, failure } = await runCampaign(seed, inputsMax);
  console.log(JSON.stringify({ runs: inputs, found: failure }));
}
