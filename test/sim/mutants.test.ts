// The simulator proven: each broken variant of the agent has to be caught, and the one that is not
// broken has to pass the same hunt. A mutant that survives fails the run.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';
import { assert, suite } from '../support/suite.ts';
import { mutants } from './mutants.ts';
import type { Mutant } from './mutants.ts';

const root = process.env['SOTA_AGENT_ROOT'] ?? process.cwd();
const huntMs = 120_000;
const test = suite('simulator, mutants');

type Found = { readonly runs: number; readonly found: string | undefined };
const caught: string[] = [];

for (const mutant of mutants) {
  test(`catches an agent that ${mutant.name}`, async () => {
    const { runs, found } = hunt(await bundled(mutant.changes), { HINT: mutant.hint ?? '' });
    assert.ok(found !== undefined, `survived ${runs} runs`);
    caught.push(mutant.name);
  });
}

test('finds nothing in the agent as it is shipped', async () => {
  const { runs, found } = hunt(await bundled([]), { RUNS: '400' });
  assert.is(found, undefined);
  assert.ok(runs >= 400);
  console.log(`\n| mutants: ${caught.length} of ${mutants.length} caught`);
});

async function bundled(changes: Mutant['changes']): Promise<string> {
  const made = await build({
    entryPoints: [join(root, 'test/sim/hunt.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    logLevel: 'silent',
    plugins: [
      {
        name: 'mutant',
        setup: ({ onLoad }) => {
          for (const file of new Set(changes.map((change) => change.file))) {
            onLoad({ filter: filterOf(file) }, ({ path }) => ({
              loader: 'ts',
              contents: changed(readFileSync(path, 'utf8'), changes, file),
            }));
          }
        },
      },
    ],
  });
  return made.outputFiles[0]?.text ?? '';
}

function filterOf(file: string): RegExp {
  return new RegExp(`/src/${file.replace(/[./]/g, '\\$&')}$`);
}

function changed(text: string, changes: Mutant['changes'], file: string): string {
  let now = text;
  for (const { from, to } of changes.filter((change) => change.file === file)) {
    const parts = now.split(from);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${from}`);
    now = parts.join(to);
  }
  return now;
}

function hunt(script: string, variables: { readonly [name: string]: string }): Found {
  const { NODE_V8_COVERAGE: _, ...environment } = process.env;
  const ended = spawnSync(process.execPath, ['-'], {
    input: script,
    encoding: 'utf8',
    env: { ...environment, ...variables },
    timeout: huntMs,
  });
  const found: unknown = JSON.parse(ended.stdout === '' ? 'null' : ended.stdout);
  if (!isFound(found)) throw new Error(`the hunt ended with ${ended.status}: ${ended.stderr}`);
  return found;
}

function isFound(value: unknown): value is Found {
  return typeof value === 'object' && value !== null && 'runs' in value;
}

test.run();
