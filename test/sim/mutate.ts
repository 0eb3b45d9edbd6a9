// Bundles the hunt over a broken agent, and lets it run in a process of its own.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';
import type { Mutant } from './mutants.ts';

const root = process.env['SOTA_AGENT_ROOT'] ?? process.cwd();
const huntMs = 120_000;

export type Found = {
  readonly runs: number;
  /** The first line that shows it. */
  readonly found: string | undefined;
};

/** `runsMax`: without it, as many as it takes, within reason. */
export async function huntFor(
  { changes, hint = '' }: Omit<Mutant, 'name'>,
  runsMax?: number,
): Promise<Found> {
  const runs = runsMax === undefined ? {} : { RUNS: String(runsMax) };
  return hunt(await bundled(changes), { HINT: hint, ...runs });
}

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
