// `config`: prints the effective configuration as TOML, with the origin of each value.
import { configErrorText, printEntries } from '../config/print.ts';
import { exposure } from '../sanitize.ts';
import { exitCodes } from './ports.ts';
import { passwordWarnings } from './password.ts';
import { socketWarnings } from './socket.ts';
import { placeErrors, storageErrors, storageWarnings } from './storage-place.ts';
import { workFolderWarnings } from './work-folder.ts';
import type { ConfigError } from '../config.ts';
import type { Act, CommandPorts, Invocation } from './ports.ts';

export const config: Act = async (ports, invocation) => {
  const { entries, warnings } = invocation.configuration;
  ports.terminal.out(`# Effective configuration of sota-agent ${ports.version}\n\n`);
  ports.terminal.out(`${printEntries(entries)}\n`);
  const found = [
    ...warnings,
    ...(await keyWarnings(ports, invocation)),
    ...storageWarnings(ports, invocation),
    ...(await passwordWarnings(ports, invocation)),
    ...(await workFolderWarnings(ports, invocation)),
    ...socketWarnings(ports, invocation),
  ];
  for (const warning of found) {
    ports.terminal.err(`warning: ${configErrorText(warning)}\n`);
  }
  const places = placeErrors(ports, invocation);
  const errors = places.length > 0 ? places : await storageErrors(ports, invocation);
  for (const one of errors) ports.terminal.err(`${configErrorText(one)}\n`);
  return errors.length === 0 ? exitCodes.done : exitCodes.usage;
};

/** The daemon logs the same at the start, and after the key is replaced. */
async function keyWarnings(
  { disk }: CommandPorts,
  { settings, configuration }: Invocation,
): Promise<readonly ConfigError[]> {
  const path = settings.rvi.tls.key;
  const entry = configuration.entries.find(({ key }) => key === 'rvi.tls_key');
  if (path === undefined || entry === undefined) return [];
  // The user of the command may have no right to read the key.
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return [];
  const mode = await opened.value.mode();
  await opened.value.close();
  const problem = mode.ok ? exposure(mode.value) : undefined;
  if (problem === undefined) return [];
  const { origin, key } = entry;
  return [{ origin, key, problem: `${path} ${problem}`, hint: `chmod 600 ${path}` }];
}
