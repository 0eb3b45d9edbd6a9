// Runs the built agent in its own directory while it receives the package from a sender.
import { join } from 'node:path';
import { agentPath, launcher, writeConfig } from '../support/agent.ts';
import { inFolder, watch } from './proc.ts';
import { createSender } from './sender.ts';
import type { Usage, Watched } from './proc.ts';
import type { Sender, SenderOptions } from './sender.ts';

/** Resolves with the report, or when the sender reaches the chunk where it stops. */
export function runAgent(options: SenderOptions, strace: readonly string[] = []): Promise<Usage> {
  return inFolder((home) =>
    inHome(home, options, strace, async (sender, agent) => {
      const said = await sender.done;
      if (!/^(status true|stopped)$/.test(said)) {
        throw new Error(`the agent reported ${said}: ${agent.errors()}`);
      }
      return agent.usage();
    }),
  );
}

/** Starts both, calls `act`, and kills the agent with SIGKILL, as a power loss would. */
export async function inHome<T>(
  home: string,
  options: SenderOptions,
  strace: readonly string[],
  act: (sender: Sender, agent: Watched) => Promise<T>,
): Promise<T> {
  const sender = createSender(options);
  await sender.start();
  const listen = options.transport === 'http' ? { listen: '127.0.0.1:0' } : {};
  const config = writeConfig(home, {
    log: { level: 'warn' },
    rvi: { url: sender.url(), ...listen, ...options.rvi },
    installer: { command: { program: 'true' } },
  });
  const agent = watch([...strace, ...launcher, agentPath(), 'run', '--config', config]);
  const died = new Promise<never>((_, reject) => {
    agent.child.on('exit', (code) =>
      reject(new Error(`the agent ended by itself (${code}): ${agent.errors()}`)),
    );
  });
  died.catch(() => undefined);
  try {
    return await Promise.race([act(sender, agent), died]);
  } finally {
    await agent.kill('SIGKILL');
    await sender.stop();
  }
}

export const journalOf = (home: string) => join(home, 'state/journal');
