// `sota-agent COMMAND`: the table of commands, and the way from an argument list to an exit code.
import { unreachable } from '../assert.ts';
import { configErrorText } from '../config/print.ts';
import { parseArguments } from './arguments.ts';
import { config } from './config.ts';
import { accept, decline } from './consent.ts';
import { commandHelp, usage } from './help.ts';
import { loadConfiguration } from './load-config.ts';
import { packages } from './packages.ts';
import { exitCodes } from './ports.ts';
import { renewPath } from './renew-path.ts';
import { run } from './run.ts';
import { status } from './status.ts';
import { watch } from './watch.ts';
import { why } from './why.ts';
import type { Parsed, Shape } from './arguments.ts';
import type { Described } from './help.ts';
import type { Act, CommandPorts } from './ports.ts';

export type Command = Shape & Described & { readonly act: Act };

const name = { name: 'NAME', isNeeded: true } as const;
const anyName = { name: 'NAME', isNeeded: false } as const;
const anyVersion = { name: 'VERSION', isNeeded: false } as const;

export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  [
    'run',
    {
      words: [],
      takesJson: false,
      summary: 'the daemon',
      detail: ['Runs in the foreground and logs to stderr, until SIGTERM.'],
      act: run,
    },
  ],
  [
    'status',
    {
      words: [],
      takesJson: true,
      summary: 'transfers, installs, reports and the link',
      detail: [
        'Asks the daemon; where it does not run, reads what it left on flash and says so.',
        '--json prints the same as one JSON object, for scripts.',
      ],
      act: status,
    },
  ],
  [
    'watch',
    {
      words: [],
      takesJson: false,
      summary: 'live progress, until Ctrl-C',
      detail: ['Without a terminal it prints a line for each phase and each tenth of a transfer.'],
      act: watch,
    },
  ],
  [
    'why',
    {
      words: [anyName],
      takesJson: false,
      summary: 'what it waits for, which timer runs, what comes next',
      detail: [
        'Also what survived the last cut.',
        'With a NAME only what concerns that package, its past attempts included.',
      ],
      act: why,
    },
  ],
  [
    'accept',
    {
      words: [name, anyVersion],
      takesJson: false,
      summary: 'agree to a package that waits for consent',
      detail: [
        'Packages wait if policy.consent = "required" is set, or if',
        'the server asks for it. One that failed too often is tried again.',
      ],
      act: accept,
    },
  ],
  [
    'decline',
    {
      words: [name, anyVersion],
      takesJson: false,
      summary: 'refuse a package that waits or is being received',
      detail: ['The server is told that it was declined, where it has a way to hear it.'],
      act: decline,
    },
  ],
  [
    'packages',
    {
      words: [],
      takesJson: false,
      summary: 'what is installed, as the server would be told',
      detail: ['One line each: name and version.'],
      act: packages,
    },
  ],
  [
    'renew-path',
    {
      words: [],
      takesJson: false,
      summary: 'make a new secret path for deliveries and register it',
      detail: [
        'The old path is refused 5 s after the node has taken the registration.',
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
      summary: 'check the configuration and print it as it holds',
      detail: ['Prints TOML, with where each value came from: default, file:line, environment.'],
      act: config,
    },
  ],
]);

/** Gives the exit code; never ends the process. */
export async function runCommand(argv: readonly string[], ports: CommandPorts): Promise<number> {
  const parsed = parseArguments(argv, commands);
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
  { command, words, json, configFile }: Extract<Parsed, { readonly kind: 'command' }>,
  ports: CommandPorts,
): Promise<number> {
  const found = commands.get(command);
  if (found === undefined) return exitCodes.usage;
  const configuration = await loadConfiguration(ports.disk, ports.environment, configFile);
  if (!configuration.ok) {
    const lines = configuration.errors.map((one) => `${configErrorText(one)}\n`);
    ports.terminal.err(lines.join(''));
    return exitCodes.usage;
  }
  const { settings } = configuration;
  return found.act(ports, { words, json, settings, configuration });
}
