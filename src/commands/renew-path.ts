// `renew-path`: another secret path for the node's deliveries.
import { plain } from '../sanitize.ts';
import { exitCodes } from './ports.ts';
import { odd, reach } from './daemon-client.ts';
import type { Act } from './ports.ts';

export const renewPath: Act = async (ports, { settings }) => {
  const reached = await reach(ports, settings, { command: 'renew-path' });
  if (!reached.ok) return reached.exitCode;
  if (!('text' in reached.value)) return odd(ports);
  ports.terminal.out(`${plain(reached.value.text)}\n`);
  return exitCodes.done;
};
