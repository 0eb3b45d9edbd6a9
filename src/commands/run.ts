// `run`: the daemon, once its configuration is known to be good.
import { complaintText } from '../config/show.ts';
import type { Act } from './ports.ts';

export const run: Act = (ports, { configuration, settings }) => {
  for (const warning of configuration.warnings) {
    ports.terminal.err(`warning: ${complaintText(warning)}\n`);
  }
  // Node reads it in every executable that is made of it, `-r FILE` included.
  if ((ports.environment['NODE_OPTIONS'] ?? '') !== '') {
    ports.terminal.err(
      'warning: NODE_OPTIONS is set, which runs code of others in here: unset it\n',
    );
  }
  return ports.startDaemon(settings);
};
