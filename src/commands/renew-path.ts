// `renew-path`: makes a new secret path for the deliveries of the node.
import { plain } from '../sanitize.ts';
import { exitCodes } from './ports.ts';
import { reportOtherVersion, requestDaemon } from './daemon-client.ts';
import type { Act } from './ports.ts';

export const renewPath: Act = async (ports, { settings }) => {
  const reached = await requestDaemon(ports, settings, { command: 'renew-path' });
  if (!reached.ok) return reached.exitCode;
  if (!('text' in reached.value)) return reportOtherVersion(ports);
  ports.terminal.out(`${plain(reached.value.text)}\n`);
  return exitCodes.done;
};
