// `sota-agent COMMAND`: the table of commands. Runs a command line and returns its exit code.
import { unreachable } from '../assert.ts';
import { configErrorText } from '../config/print.ts';
import { config } from './config.ts';
import { accept, decline } from './consent.ts';
import { commandHelp, usage } from './help.ts';
import { loadConfiguration } from './load-config.ts';
import { inventory } from './inventory.ts';
import { parseCommandLine } from './parse.ts';
import { exitCodes } from './ports.ts';
import { renewPath } from './renew-path.ts';
import { run } from './run.ts';
import { status } from './status.ts';
import { watch } from './watch.ts';
import { why } from './why.ts';
import type { Parsed, CommandShape } from './parse.ts';
import type { Described } from './help.ts';
import type { Act, CommandPorts } from './ports.ts';

export type Command = CommandShape & Described & { readonly act: Act };

const name = { name: 'NAME', isNeeded: true } as const;
const anyName = { name: 'NAME', isNeeded: false } as const;
const anyVersion = { name: 'VERSION', isNeeded: false } as const;

export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  [
    'run',
    {
      words: [],
      takesJson: false,
      summary: 'run the daemon',
      detail: ['Runs in the foreground and logs to stderr until SIGTERM.'],
      act: run,
    },
  ],
  [
    'status',
    {
      words: [],
      takesJson: true,
      summary: 'print transfers, installs, reports and the connection',
      detail: [
        'Reads flash if the daemon is down, and prints that it did so.',
        '--json prints the same data as one JSON object, for scripts.',
      ],
      act: status,
    },
  ],
  [
    'watch',
    {
      words: [],
      takesJson: false,
      summary: 'print live progress until Ctrl-C',
      detail: ['Without a terminal, prints a line for each phase and each tenth of a transfer.'],
      act: watch,
    },
  ],
  [
    'why',
    {
      words: [anyName],
      takesJson: false,
      summary: 'print what each package waits for, and the next step',
      detail: [
        'Also prints what was recovered after the last power loss.',
        'With a NAME, prints only that package and its past attempts.',
      ],
      act: why,
    },
  ],
  [
    'accept',
    {
      words: [name, anyVersion],
      takesJson: false,
      summary: 'accept a package that waits for consent',
      detail: [
        'Packages wait if policy.consent is "required", or if the server requires it.',
        'A package that failed installer.max_attempts times gets one more series.',
      ],
      act: accept,
    },
  ],
  [
    'decline',
    {
      words: [name, anyVersion],
      takesJson: false,
      summary: 'decline a package that waits or is being received',
      detail: ['The agent reports this to the server if the server has started the package.'],
      act: decline,
    },
  ],
  [
    'inventory',
    {
      words: [],
      formerly: 'packages',
      takesJson: false,
      summary: 'print the installed packages as the server receives them',
      detail: ['One line for each package: name and version.'],
      act: inventory,
    },
  ],
  [
    'renew-path',
    {
      words: [],
      takesJson: false,
      summary: 'make a new secret path for deliveries and register it',
      detail: [
        'The agent rejects the old path 5 s after the node has accepted the registration.',
        'A fixed rvi.path does not change.',
      ],
      act: renewPath,
    },
  ],
  [
    'config',
    {
      words: [],
      takesJson: false,
      summary: 'check the configuration and print the effective values',
      detail: ['Prints TOML, with the origin of each value: default, file:line, environment.'],
      act: config,
    },
  ],
]);

/** Returns the exit code; never ends the process. */
export async function runCommand(argv: readonly string[], ports: CommandPorts): Promise<number> {
  const parsed = parseCommandLine(argv, commands);
  switch (parsed.kind) {
    case 'wrong':
      ports.terminal.err(`sota-agent: ${parsed.reason}\nsee "sota-agent help"\n`);
      return exitCodes.usage;
    case 'version':
      ports.terminal.out(`sota-agent ${ports.version}\n`);
      return exitCodes.done;
    case 'help': {
      const command = commands.get(parsed.command ?? '');
      const lines =
        command === undefined || parsed.command === undefined
          ? usage(ports.version, commands)
          : commandHelp(parsed.command, command);
      ports.terminal.out(`${lines.join('\n')}\n`);
      return exitCodes.done;
    }
    case 'command':
      return runParsed(parsed, ports);
    default:
      return unreachable(parsed);
  }
}

async function runParsed(
  { command, words, json, configFile, formerly }: Extract<Parsed, { readonly kind: 'command' }>,
  ports: CommandPorts,
): Promise<number> {
  const found = commands.get(command);
  if (found === undefined) return exitCodes.usage;
  if (formerly !== undefined) {
    const problem = `"${formerly}" is a deprecated name of this command`;
    ports.terminal.err(`warning: ${problem}: use "${command}"\n`);
  }
  const configuration = await loadConfiguration(ports.disk, ports.environment, configFile);
  if (!configuration.ok) {
    const lines = configuration.errors.map((one) => `${configErrorText(one)}\n`);
    ports.terminal.err(lines.join(''));
    return exitCodes.usage;
  }
  const { settings } = configuration;
  return found.act(ports, { words, json, settings, configuration });
}
