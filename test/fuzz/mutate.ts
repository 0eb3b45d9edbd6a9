// Turns one valid message into one that a broken or hostile peer might send. It changes the tree
// often and the text seldom, so that most inputs pass the JSON parser and reach the type checks.
import { placesOf, raw, spell } from './tree.ts';
import { largeOf, strangeNames, valueOf } from './values.ts';
import type { Prng } from '../support/prng.ts';
import type { Place, Tree } from './tree.ts';

/** The maximum length of a message, minus the text around the value. */
const fullBytes = 261_700;

export function mutated(prng: Prng, tree: Tree): Buffer {
  let root = tree;
  for (let more = true; more; more = prng.chance(0.35)) {
    const places = placesOf(root, (other) => void (root = other));
    const place = places[prng.below(places.length)];
    const other = places[prng.below(places.length)];
    if (place !== undefined && other !== undefined) bend(prng, place, other);
  }
  const data = Buffer.from(spell(root));
  return prng.chance(0.12) ? spoilt(prng, data) : data;
}

function bend(prng: Prng, place: Place, other: Place): void {
  const { tree, replace } = place;
  const roll = prng.below(100);
  if (roll < 40) return replace(valueOf(prng));
  if (roll < 45) return replace({ kind: 'list', items: [tree] });
  if (roll < 50) return replace(raw(JSON.stringify(spell(tree))));
  if (roll < 55) return replace(copyOf(other.tree));
  if (roll < 57) return replace(largeOf(prng));
  if (tree.kind === 'raw') return replace(bentText(prng, tree.text));
  if (tree.kind === 'list') return bendList(prng, tree.items, replace);
  bendObject(prng, tree.members);
}

function bentText(prng: Prng, text: string): Tree {
  const at = prng.below(text.length + 1);
  const put = prng.pick(['0', '"', '\\', '\u0000', 'e9', ' ', '.', '-', '\\ud800', '/', '=', 'é']);
  const cut = prng.pick([0, 0, 1, 2]);
  return raw(text.slice(0, at) + (prng.chance(0.3) ? '' : put) + text.slice(at + cut));
}

function bendList(prng: Prng, items: Tree[], replace: (tree: Tree) => void): void {
  const [first] = items;
  const roll = prng.below(10);
  if (first === undefined || roll < 2) return void items.push(valueOf(prng));
  if (roll < 4) return replace(first);
  if (roll < 6) return void items.splice(prng.below(items.length), 1);
  const spelt = prng.chance(0.7) ? spell(first) : '0';
  const between = prng.pick([',', ',', ',0,', ',{},']);
  const most = prng.chance(0.95) ? prng.below(8_000) : prng.pick([0.5, 0.98, 0.995, 1]) * fullBytes;
  const count = 1 + Math.floor(most / (spelt.length + between.length));
  const more = Array.from({ length: count }, () => spelt).join(between);
  replace(raw(`[${spell(first)},${more}]`));
}

function bendObject(prng: Prng, members: (readonly [string, Tree])[]): void {
  const at = prng.below(members.length);
  const member = members[at];
  const roll = prng.below(10);
  if (member === undefined || roll < 2) {
    members.push([prng.pick(strangeNames), valueOf(prng)]);
  } else if (roll < 5) members.splice(at, 1);
  else if (roll < 7) {
    const twin = [member[0], prng.chance(0.5) ? valueOf(prng) : member[1]] as const;
    members.splice(prng.below(members.length + 1), 0, twin);
  } else if (roll < 9) members[at] = [prng.pick(strangeNames), member[1]];
  else members[at] = [prng.pick([`${member[0]} `, member[0].toUpperCase()]), member[1]];
}

function copyOf(tree: Tree): Tree {
  return raw(spell(tree));
}

/** Changes the bytes without regard to the grammar: truncates, repeats, flips or joins them. */
function spoilt(prng: Prng, data: Buffer): Buffer {
  const at = prng.below(data.length + 1);
  const end = at + prng.below(data.length + 1 - at);
  const start = data.subarray(0, at);
  switch (prng.below(8)) {
    case 0:
      return start;
    case 1:
      return Buffer.concat([data, data]);
    case 2:
      return Buffer.concat([start, Buffer.of(prng.below(256), prng.below(256)), data.subarray(at)]);
    case 3:
      return Buffer.concat([start, data.subarray(end)]);
    case 4:
      return Buffer.concat([data.subarray(0, end), data.subarray(at)]);
    case 5:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), data]);
    case 6: {
      const turned = Buffer.from(data);
      for (let times = 1 + prng.below(4); times > 0 && data.length > 0; times -= 1) {
        turned[prng.below(data.length)] = prng.below(256);
      }
      return turned;
    }
    default:
      return Buffer.from(Array.from({ length: prng.below(64) }, () => prng.below(256)));
  }
}
