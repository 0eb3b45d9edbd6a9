// Lists the e2e tests that a whole run repeats with the emulated ARM executables, as
// test/emulated.json defines them. An emulated executable takes seconds to start. A developer can
// run each file whole by hand (docs/internals/testing.md).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const armTargets = ['linux-arm64', 'linux-armv7l'];

/** `files`: the list of run.mjs, `{ file, bundle }`. */
export function emulatedJobs(root, files) {
  // Slower jobs first. Jobs of the same file are not neighbours: some files start four agents.
  return armTargets.toReversed().flatMap((target) =>
    rowsOf(root)
      .filter(([, row]) => row[target] !== undefined)
      .map(([name, row]) => {
        const file = join('test/e2e', `${name}.test.ts`);
        const found = files.find((one) => one.file === file);
        if (found === undefined) throw new Error(`test/emulated.json: there is no ${file}`);
        const env = {
          ...row.env,
          SOTA_AGENT_TARGET: target,
          SOTA_AGENT_BIN: join(root, `build/${target}/sota-agent`),
          TESTS: row[target] === 'all' ? '' : row[target].join(';'),
        };
        return { file: `${file} (${target})`, bundle: found.bundle, env };
      }),
  );
}

/** Returns the same list as text for the output of a run. */
export function emulatedLines(root) {
  const lines = armTargets.map((target) => {
    const told = rowsOf(root)
      .filter(([, row]) => row[target] !== undefined)
      .map(nameIn(target));
    return `${target}, emulated: ${told.join(', ')}`;
  });
  for (const [name, row] of rowsOf(root)) {
    if (row.because === undefined) continue;
    const missing = armTargets.filter((target) => row[target] === undefined);
    const where = missing.length === 0 ? 'a part of' : `not on ${missing.join(', ')}:`;
    lines.push(`  ${where} ${name}: ${row.because}`);
  }
  return lines;
}

const nameIn =
  (target) =>
  ([name, row]) =>
    row[target] === 'all' ? name : `${name} (in part)`;

const rowsOf = (root) =>
  Object.entries(JSON.parse(readFileSync(join(root, 'test/emulated.json'), 'utf8')));
