// The output of `help`, generated from the table that checks the command line.
import { table } from './format.ts';
import type { CommandShape } from './parse.ts';

export type Described = {
  /** Half a line for the overview. */
  readonly summary: string;
  readonly detail: readonly string[];
};

export function usage(
  version: string,
  commands: ReadonlyMap<string, CommandShape & Described>,
): readonly string[] {
  const rows = [
    ...[...commands].map(([name, one]) => [synopsis(name, one), one.summary]),
    ['version', 'print the version of this file; "status" prints that of the daemon'],
    ['help [COMMAND]', 'print this help, or the help of one command'],
  ];
  return [
    `sota-agent ${version}: receives, verifies and installs software over RVI SOTA`,
    '',
    'usage: sota-agent COMMAND [--config FILE]',
    '',
    ...table(rows).map((row) => `  ${row}`),
    '',
    'The configuration is FILE, or /etc/sota-agent/config.toml. The environment variable',
    'SOTA_AGENT_<SECTION>_<KEY> overrides a key; "sota-agent config" prints all keys.',
    'Exit codes: 0 success, 1 failure, 2 wrong usage or configuration, 3 daemon not reachable.',
  ];
}

export function commandHelp(name: string, command: CommandShape & Described): readonly string[] {
  const { formerly } = command;
  return [
    `usage: sota-agent ${synopsis(name, command)} [--config FILE]`,
    '',
    `${name}: ${command.summary}`,
    ...command.detail,
    ...(formerly === undefined ? [] : [`"${formerly}" is a deprecated name of this command.`]),
  ];
}

function synopsis(name: string, { words, takesJson }: CommandShape): string {
  const shown = words.map((word) => (word.isNeeded ? word.name : `[${word.name}]`));
  return [name, ...shown, ...(takesJson ? ['[--json]'] : [])].join(' ');
}
