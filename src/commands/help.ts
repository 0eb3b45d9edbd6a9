// `help`, short and true: it is printed from the table that the arguments are checked against.
import type { Shape } from './arguments.ts';
import { table } from './format.ts';

export type Described = {
  /** Half a line for the overview. */
  readonly summary: string;
  readonly detail: readonly string[];
};

export function usage(
  version: string,
  commands: ReadonlyMap<string, Shape & Described>,
): readonly string[] {
  const rows = [
    ...[...commands].map(([name, one]) => [synopsis(name, one), one.summary]),
    ['version', 'of this file; that of a running daemon is in "status"'],
    ['help [COMMAND]', 'this, or more on one command'],
  ];
  return [
    `sota-agent ${version}: receives software over RVI SOTA and has it installed`,
    '',
    'usage: sota-agent COMMAND [--config FILE]',
    '',
    ...table(rows).map((row) => `  ${row}`),
    '',
    'The configuration is /etc/sota-agent/config.toml, or FILE. Every key of it can be given as',
    'SOTA_AGENT_<SECTION>_<KEY>; "sota-agent config" lists them all.',
    'Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 daemon not reachable.',
  ];
}

export function commandHelp(name: string, command: Shape & Described): readonly string[] {
  return [
    `usage: sota-agent ${synopsis(name, command)} [--config FILE]`,
    '',
    `${name}: ${command.summary}`,
    ...command.detail,
  ];
}

function synopsis(name: string, { words, takesJson }: Shape): string {
  const spelt = words.map((word) => (word.isNeeded ? word.name : `[${word.name}]`));
  return [name, ...spelt, ...(takesJson ? ['[--json]'] : [])].join(' ');
}
