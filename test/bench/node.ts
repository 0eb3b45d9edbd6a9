// The Node in the executable. It also runs the programs that the agent is compared with.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { targetOf } from '../support/target.ts';

/** Returns the Node that the build used; NODE= overrides it, as in the build. */
export function nodePath(): string {
  const { NODE, SOTA_AGENT_CACHE = 'build/cache' } = process.env;
  const { node } = targetOf('linux-x64');
  const built = join(SOTA_AGENT_CACHE, `${node.package}-${node.version}`, 'node');
  if (NODE !== undefined) return NODE;
  return existsSync(built) ? built : process.execPath;
}

/** Returns the arguments in the executable. */
export const nodeArgs = (): readonly string[] => targetOf('linux-x64').execArgv;
