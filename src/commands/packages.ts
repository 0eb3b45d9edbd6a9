// `packages`: what the server would be told is installed, a line each.
import { exitCodes } from './ports.ts';
import { odd, reach } from './daemon-client.ts';
import { label } from './format.ts';
import type { Act } from './ports.ts';

export const packages: Act = async (ports, { settings }) => {
  const reached = await reach(ports, settings, { command: 'packages' });
  if (!reached.ok) return reached.exitCode;
  if (!('packages' in reached.value)) return odd(ports);
  ports.terminal.out(reached.value.packages.map((id) => `${label(id)}\n`).join(''));
  return exitCodes.done;
};
