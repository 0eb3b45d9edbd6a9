// `run`: starts the daemon after the configuration has passed all checks.
import { configErrorText } from '../config/print.ts';
import { exitCodes } from './ports.ts';
import { passwordWarnings } from './password.ts';
import { socketWarnings } from './socket.ts';
import { placeErrors, storageWarnings } from './storage-place.ts';
import { workFolderWarnings } from './work-folder.ts';
import type { Act } from './ports.ts';

export const run: Act = async (ports, { configuration, settings }) => {
  const given = { configuration, settings };
  const errors = placeErrors(ports, given);
  for (const one of errors) ports.terminal.err(`${configErrorText(one)}\n`);
  if (errors.length > 0) return exitCodes.usage;
  const found = [
    ...(await passwordWarnings(ports, given)),
    ...storageWarnings(ports, given),
    ...(await workFolderWarnings(ports, given)),
    ...socketWarnings(ports, given),
  ];
  for (const warning of [...configuration.warnings, ...found]) {
    ports.terminal.err(`warning: ${configErrorText(warning)}\n`);
  }
  // The executables ignore NODE_OPTIONS; a Node that runs the script has already applied it.
  if ((ports.environment['NODE_OPTIONS'] ?? '') !== '') {
    ports.terminal.err(
      'warning: NODE_OPTIONS is set, which can make Node load other code: unset it\n',
    );
  }
  return ports.startDaemon(settings);
};
