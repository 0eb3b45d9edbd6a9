// The section [installer.swupdate]. Its arguments decide whether SWUpdate installs anything, and
// whether it verifies a signature.
import type { OwnSettings, SettingProblem } from '../installer.ts';
import type { SettingsOf, SettingsTable } from '../settings-table.ts';

export const settings = {
  program: {
    type: 'program',
    default: 'swupdate',
    description: 'The program SWUpdate, used if no SWUpdate daemon answers.',
  },
  args: {
    type: 'arguments',
    default: [],
    sample: '["-k", "/etc/swupdate/public.pem"]',
    description:
      'Arguments, such as the public key. The agent rejects `-n`, `-c` and others with which ' +
      'SWUpdate installs nothing.',
  },
  versionsFile: {
    type: 'file',
    default: '/etc/sw-versions',
    description: 'File with the installed versions, for the verification and the inventory.',
  },
  verifyCommand: {
    type: 'command-line',
    formerly: 'check',
    default: [],
    sample: '["/usr/bin/check-update"]',
    description:
      'A command with its arguments: exit code 0 means that the new software is installed.',
  },
  sockets: {
    type: 'socket-directory',
    default: '',
    description: 'Directory of the sockets of the daemon; empty: the usual one.',
  },
  reboot: {
    type: 'flag',
    default: false,
    description: 'True: a `.swu` is in use only after a reboot, unless it states otherwise.',
  },
} as const satisfies SettingsTable;

export type SwupdateSettings = OwnSettings<typeof settings>;

type Problem = SettingProblem<keyof typeof settings>;

export function check(
  { args }: SettingsOf<typeof settings>,
  isEnabled: boolean,
): readonly Problem[] {
  const forbidden = forbiddenArgument(args);
  if (forbidden !== undefined) {
    const problem = `has ${forbidden.argument}: ${forbidden.problem}`;
    return [{ severity: 'error', key: 'args', problem, hint: 'remove it' }];
  }
  if (!isEnabled || hasPublicKey(args)) return [];
  const problem =
    'has no public key (-k): signatures are checked only if the SWUpdate daemon has one, ' +
    'or if SWUpdate is built to require one';
  const hint = 'write installer.swupdate.args = ["-k", "/etc/swupdate/public.pem"]';
  return [{ severity: 'warning', key: 'args', problem, hint }];
}

// ---------------------------------------------------------------- arguments of `swupdate -i`

// Read as getopt_long reads them: letters in one argument, a value in the same argument or in the
// next one, and long names that are shortened.

/** Short options that have a value (SWUpdate 2018.11 to 2026.05). */
const shortWithValue = 'bBdefHijkKlNoPpqRsuw';
const longWithValue: readonly string[] = [
  'accepted-select',
  'blacklist',
  'bootloader',
  'ca-path',
  'cert-purpose',
  'download',
  'file',
  'forced-signer-name',
  'hwrevision',
  'image',
  'key',
  'key-aes',
  'loglevel',
  'max-version',
  'no-downgrading',
  'no-reinstalling',
  'output',
  'postupdate',
  'preupdate',
  'select',
  'suricatta',
  'webserver',
];

type Option = { readonly argument: string; readonly short: string; readonly long: string };

function optionsIn(args: readonly string[]): readonly Option[] {
  const found: Option[] = [];
  for (let at = 0; at < args.length; at++) {
    const argument = args[at] ?? '';
    if (argument === '--') break;
    if (argument.startsWith('--')) {
      const [long = '', value] = argument.slice(2).split('=', 2);
      found.push({ argument, short: '', long });
      const isAlone = value === undefined && longWithValue.some((one) => one.startsWith(long));
      if (isAlone) at += 1;
    } else if (argument.startsWith('-')) {
      const letters = argument.slice(1);
      const end = [...letters].findIndex((letter) => shortWithValue.includes(letter));
      const used = end === -1 ? letters : letters.slice(0, end + 1);
      for (const short of used) found.push({ argument, short, long: '' });
      if (end === letters.length - 1 && end !== -1) at += 1;
    }
  }
  return found;
}

const forbidden = [
  { short: 'n', long: 'dry-run', problem: 'SWUpdate then installs nothing and reports success' },
  { short: 'c', long: 'check', problem: 'SWUpdate then only checks and reports success' },
  { short: 'g', long: 'get-root', problem: 'SWUpdate then only prints and reports success' },
  { short: 'h', long: 'help', problem: 'SWUpdate then only prints and reports success' },
  { short: '', long: 'version', problem: 'SWUpdate then only prints and reports success' },
  { short: 'i', long: 'image', problem: 'SWUpdate then installs that file, not the payload' },
] as const;

type Forbidden = { readonly argument: string; readonly problem: string };

export function forbiddenArgument(args: readonly string[]): Forbidden | undefined {
  for (const option of optionsIn(args)) {
    const known = forbidden.find(({ short, long }) => isOne(option, short, long));
    if (known !== undefined) return { argument: option.argument, problem: known.problem };
  }
  return undefined;
}

export function hasPublicKey(args: readonly string[]): boolean {
  return optionsIn(args).some((option) => isOne(option, 'k', 'key'));
}

function isOne(option: Option, short: string, long: string): boolean {
  if (option.long === '') return option.short === short;
  return long.startsWith(option.long);
}
