// Warns of a rule in `installer.rules` that never applies. The first rule that matches is used, so
// a rule after another one that matches all of its names has no effect.
import { warning } from './findings.ts';
import type { Settings } from '../settings.ts';
import type { Finding } from './findings.ts';

const key = 'installer.rules';

export function ruleOrder(
  { installer }: Settings,
  isGiven: (key: string) => boolean,
): readonly Finding[] {
  const { rules } = installer;
  const found: Finding[] = rules.flatMap(({ name }, index) => {
    const first = rules.slice(0, index).findIndex((one) => covers(one.name, name));
    if (first < 0) return [];
    const [later, earlier] = [describe(name, index), describe(rules[first]?.name ?? '', first)];
    const problem = `has ${later}, which is never used: ${earlier} matches all of its names`;
    const hint = `write rule ${index + 1} before rule ${first + 1}, or remove it`;
    return [warning(key, problem, hint)];
  });
  const all = rules.findIndex(({ name }) => covers(name, '*'));
  if (all < 0 || !isGiven('installer.default')) return found;
  const earlier = describe(rules[all]?.name ?? '', all);
  const problem = `is never used: ${earlier} of ${key} matches every name`;
  return [...found, warning('installer.default', problem, 'remove the rule, or this key')];
}

const describe = (name: string, index: number) =>
  `rule ${index + 1} (name = ${JSON.stringify(name)})`;

/** After this many steps, the check ends without a warning. */
const stepsMax = 5_000;

/** Stands for each character that is in neither pattern. */
const other = '';

/**
 * Returns true if `wide` matches every name that `narrow` matches. Visits each pair of position
 * sets that some name reaches in both patterns, as two automata that read the same name.
 */
function covers(wide: string, narrow: string): boolean {
  const [outer, inner] = [[...wide], [...narrow]];
  const letters = new Set([...outer, ...inner, other].filter((one) => one !== '*' && one !== '?'));
  const seen = new Set<string>();
  const open = [{ inside: opened(inner, [0]), outside: opened(outer, [0]) }];
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    const { inside, outside } = pair;
    const label = `${inside.join()} ${outside.join()}`;
    if (seen.has(label)) continue;
    seen.add(label);
    if (seen.size > stepsMax) return false;
    if (inside.includes(inner.length) && !outside.includes(outer.length)) return false;
    for (const letter of letters) {
      const next = opened(inner, stepped(inner, inside, letter));
      const same = opened(outer, stepped(outer, outside, letter));
      if (next.length > 0) open.push({ inside: next, outside: same });
    }
  }
  return true;
}

/** Adds the positions after each `*`, because `*` may match nothing. */
function opened(pattern: readonly string[], places: readonly number[]): readonly number[] {
  const found = new Set(places);
  for (const place of found) if (pattern[place] === '*') found.add(place + 1);
  return [...found].sort((one, two) => one - two);
}

function stepped(pattern: readonly string[], places: readonly number[], letter: string) {
  return places.flatMap((place) => {
    const sign = pattern[place];
    if (sign === '*') return [place];
    return sign === letter || sign === '?' ? [place + 1] : [];
  });
}
