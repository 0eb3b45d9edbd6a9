// Tests the built executable against hostile peers over real sockets, from constant seeds, while a
// transfer must finish correctly. All ways run in parallel, because most of the time is waiting for
// time limits of the agent.
import { assert, suite } from '../../support/suite.ts';
import { runAttack, told } from './campaign.ts';
import { controlDraws } from './control.ts';
import { fatal, handshakes } from './frames.ts';
import { httpDraws } from './http.ts';
import type { Way } from './campaign.ts';

const test = suite('hostile peers');

async function attackWith(way: Way, seed: number, inputs: number) {
  const totals = await runAttack(way, seed, inputs);
  console.log(`\n| ${told(way, seed, totals)} |`);
  return totals;
}

test('leave a transfer beside them unharmed, and the agent as it was', async () => {
  const [http, ws, silent] = await Promise.all([
    attackWith('http', 1, 8_000),
    attackWith('ws', 2, 8_000),
    attackWith('silence', 3, 1),
  ]);
  assert.is(silent.inputs, 1);
  assert.ok(http.inputs >= 8_000 && ws.inputs >= 8_000);
  // Crowds take the connections of many other peers; how many depends on the machine.
  assert.ok(http.answers > 200, `${http.answers} answers`);
  assert.ok(http.kinds.size >= httpDraws.length + controlDraws.length, `${http.kinds.size} kinds`);
  assert.ok(http.foreign > 100, `${http.foreign} requests of strangers were refused`);
  assert.ok(http.chunksBeside > 0, 'no chunk came beside the attack');
  // Each way to break a frame or a handshake was tried.
  const broken = [...ws.kinds.keys()].filter((kind) => /^(link|handshake): /.test(kind));
  assert.is(broken.length, fatal.length + handshakes.length);
});

test.run();
