// Makes the scripts of hostile peers at the control socket.
import { mutated } from '../mutate.ts';
import { targetName, wishOf } from '../session.ts';
import { spell } from '../tree.ts';
import { largeOf } from '../values.ts';
import { send } from './script.ts';
import type { Prng } from '../../support/prng.ts';
import type { Script, Step } from './script.ts';

const alone = (name: string, steps: readonly Step[], inputs = 1): Script => {
  return { name: `control: ${name}`, inputs, connections: 1, steps };
};

const leave = (prng: Prng): Step =>
  prng.pick<Step>([{ kind: 'reset' }, { kind: 'half-close' }, { kind: 'wait', delayMs: 20 }]);

export function drawControl(prng: Prng): Script {
  if (prng.chance(0.5)) return wishes(prng);
  return prng.pick(draws)(prng);
}

type Draw = (prng: Prng) => Script;
const draws: readonly [Draw, ...Draw[]] = [
  garbage,
  unended,
  endless,
  dripped,
  deep,
  watching,
  crowd,
];
export const controlDraws: readonly Draw[] = draws;

/** `inventory` starts a program each time, and no peer may decline the honest transfer. */
function lineOf(prng: Prng): Buffer {
  const tree = wishOf(prng);
  const data = prng.chance(0.3) ? Buffer.from(spell(tree)) : mutated(prng, tree);
  const isSpared = ['packages', 'inventory', targetName].some((word) => data.includes(word));
  return isSpared ? Buffer.from('{"command":"status"}') : data.subarray(0, 4_000);
}

function wishes(prng: Prng): Script {
  const lines = Array.from({ length: 1 + prng.below(6) }, () => lineOf(prng));
  const data = lines.flatMap((line) => [line, Buffer.from('\n')]);
  return alone('wishes', [send(Buffer.concat(data)), { kind: 'wait', delayMs: 20 }], lines.length);
}

function garbage(prng: Prng): Script {
  const data = Buffer.from(Array.from({ length: prng.below(4_000) }, () => prng.below(256)));
  return alone('garbage', [send(data), leave(prng)]);
}

function unended(prng: Prng): Script {
  return alone('no line end', [send(lineOf(prng)), leave(prng)]);
}

function endless(prng: Prng): Script {
  const size = prng.pick([4_095, 4_096, 4_097, 65_536, 33_554_432]);
  return alone('endless', [send(Buffer.alloc(size, 'a')), leave(prng)]);
}

function dripped(): Script {
  const data = Buffer.from('{"command":"status"}\n');
  return alone('dripped', [
    { kind: 'drip', data, everyMs: 1 },
    { kind: 'wait', delayMs: 20 },
  ]);
}

function deep(prng: Prng): Script {
  return alone('deep', [send(`${spell(largeOf(prng)).slice(0, 4_090)}\n`), leave(prng)]);
}

/** Subscribes to the status and never reads. */
function watching(prng: Prng): Script {
  const steps = [{ kind: 'deaf' }, send('{"command":"watch"}\n'.repeat(3)), leave(prng)] as const;
  return alone('watching', steps, 3);
}

function crowd(prng: Prng): Script {
  const first = send(prng.pick(['', '{"command":"status"}\n']));
  const steps = [{ kind: 'deaf' }, first, { kind: 'wait', delayMs: 700 }] as const;
  return { ...alone('crowd', steps), connections: prng.pick([400, 1_000]) };
}
