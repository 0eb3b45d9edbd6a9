// `config`: the configuration as it holds, as TOML, with where each value came from.
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

/** `run` says it in the log, and again when the key is renewed. */
async function keyWarnings(
  { disk }: CommandPorts,
  { settings, configuration }: Invocation,
): Promise<readonly ConfigError[]> {
  const path = settings.rvi.tls.key;
  const entry = configuration.entries.find(({ key }) => key === 'rvi.tls_key');
  if (path === undefined || entry === undefined) return [];
  // Whoever types the command may be nobody who can read it.
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return [];
  const mode = await opened.value.mode();
  await opened.value.close();
  const problem = mode.ok ? exposure(mode.value) : undefined;
  if (problem === undefined) return [];
  const { origin, key } = entry;
  return [{ origin, key, problem: `${path} ${problem}`, hint: `chmod 600 ${path}` }];
}
