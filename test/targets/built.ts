// Finds the executables of all targets, as `make targets` builds them, and runs them here.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { spawnSync } from 'node:child_process';
import { hasProgram } from '../support/programs.ts';
import { emulatorFor, targetOf } from '../support/target.ts';

export const root = process.env['SOTA_AGENT_ROOT'] ?? '.';
export const targets = ['linux-x64', 'linux-arm64', 'linux-armv7l'] as const;

export function fileOf(target: string, name = 'sota-agent'): string {
  const file = join(root, `build/${target}/${name}`);
  if (!existsSync(file)) throw new Error(`there is no ${file}: make targets`);
  return file;
}

export function canRun(target: string): boolean {
  const { qemu } = targetOf(target);
  return qemu === undefined ? process.arch === 'x64' : hasProgram(qemu);
}

export type Ran = { readonly exitCode: number | null; readonly out: string; readonly err: string };

/** Runs with only the given environment. */
export function runOn(
  target: string,
  program: string,
  args: readonly string[],
  env: { readonly [name: string]: string } = {},
): Ran {
  const [first = '', ...rest] = [...emulatorFor(target), program, ...args];
  const options = { encoding: 'utf8', env: { PATH: '/usr/bin:/bin', ...env } } as const;
  const ran = spawnSync(first, rest, options);
  return { exitCode: ran.status, out: ran.stdout, err: ran.stderr };
}
