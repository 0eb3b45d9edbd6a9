// Breaks the agent on purpose in one place: replaces a text of the sources during bundling, so that
// src has no code for it. If a text does not occur exactly once, that is a failure, too. A hunt is
// bundled with the agent, and runs in a separate process.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';

export type Mutant = {
  readonly name: string;
  readonly changes: readonly {
    /** Below src. */
    readonly file: string;
    readonly from: string;
    readonly to: string;
  }[];
  /** The place where the fault shows first, in the format of the hunt. */
  readonly hint?: string;
};

export function mutantOf(
  name: string,
  file: string,
  from: string,
  to: string,
  hint?: string,
): Mutant {
  return { name, changes: [{ file, from, to }], ...(hint === undefined ? {} : { hint }) };
}

const root = process.env['SOTA_AGENT_ROOT'] ?? process.cwd();

export type Found = {
  readonly runs: number;
  /** The first line of output that shows the fault. */
  readonly found: string | undefined;
};

/** `hunt`: a script that prints its findings. Without `runsMax` the hunt uses its own default. */
export async function huntFor(
  hunt: string,
  { changes, hint = '' }: Omit<Mutant, 'name'>,
  runsMax?: number,
): Promise<Found> {
  const runs = runsMax === undefined ? {} : { RUNS: String(runsMax) };
  return run(await bundled(hunt, changes), { HINT: hint, ...runs });
}

async function bundled(entry: string, changes: Mutant['changes']): Promise<string> {
  const made = await build({
    entryPoints: [join(root, entry)],
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

export function changed(text: string, changes: Mutant['changes'], file: string): string {
  let now = text;
  for (const { from, to } of changes.filter((change) => change.file === file)) {
    const parts = now.split(from);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${from}`);
    now = parts.join(to);
  }
  return now;
}

function run(script: string, variables: { readonly [name: string]: string }): Found {
  const { NODE_V8_COVERAGE: _, ...environment } = process.env;
  const ended = spawnSync(process.execPath, ['-'], {
    input: script,
    encoding: 'utf8',
    env: { ...environment, ...variables },
  });
  const found: unknown = JSON.parse(ended.stdout === '' ? 'null' : ended.stdout);
  if (!isFound(found)) throw new Error(`the hunt ended with ${ended.status}: ${ended.stderr}`);
  return found;
}

function isFound(value: unknown): value is Found {
  return typeof value === 'object' && value !== null && 'runs' in value;
}
