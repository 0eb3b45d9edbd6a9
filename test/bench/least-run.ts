// Runs least.ts against the sender of the agent, with the same Node and the same V8 flags.
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { nodeArgs, nodePath } from './node.ts';
import { inFolder, watch } from './proc.ts';
import { createSender } from './sender.ts';
import type { Usage } from './proc.ts';
import type { SenderOptions } from './sender.ts';

export type Least = (options: SenderOptions, strace?: readonly string[]) => Promise<Usage>;

export function createLeast(folder: string): Least {
  const script = join(folder, 'least.cjs');
  const options = { bundle: true, minify: true, platform: 'node', format: 'cjs' } as const;
  buildSync({ entryPoints: ['test/bench/least.ts'], outfile: script, ...options });

  return (sent, strace = []) =>
    inFolder(async (home) => {
      const sender = createSender(sent);
      await sender.start();
      const args = [...nodeArgs(), script, sender.url(), join(home, 'out')];
      const least = watch([...strace, nodePath(), ...args]);
      try {
        const said = await sender.done;
        if (!/^(status true|stopped)$/.test(said)) {
          throw new Error(`the least client reported ${said}: ${least.errors()}`);
        }
        return least.usage();
      } finally {
        await least.kill('SIGKILL');
        await sender.stop();
      }
    });
}
