// Takes out of a Node what the agent does not need. docs/internals/build.md has the reasons.
import { trimAmaro } from './amaro.mjs';
import { trimIcu } from './icu.mjs';
import { trimSymbols } from './symbols.mjs';

/**
 * Returns the program, the ranges of the file that nothing reads, in order, and for each part that
 * was removed a text and the names of components, as in `process.versions`.
 */
export function trim(program, version) {
  let made = program;
  const [unused, removed] = [[], []];
  for (const step of [trimSymbols, trimAmaro, trimIcu]) {
    const result = step(made, version);
    made = result.program;
    unused.push(...result.unused);
    if (result.removed !== undefined) removed.push(result.removed);
  }
  return { program: made, unused: unused.sort((a, b) => a.from - b.from), removed };
}
