// `config`: the configuration as it holds, as TOML, with where each value came from.
import { complaintText, showEntries } from '../config/show.ts';
import { exitCodes } from './ports.ts';
import type { Act } from './ports.ts';

export const config: Act = (ports, { configuration }) => {
  const { entries, warnings } = configuration;
  ports.terminal.out(`# Effective configuration of sota-agent ${ports.version}\n\n`);
  ports.terminal.out(`${showEntries(entries)}\n`);
  for (const warning of warnings) ports.terminal.err(`warning: ${complaintText(warning)}\n`);
  return Promise.resolve(exitCodes.done);
};
