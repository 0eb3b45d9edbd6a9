// Checks of the arguments of `swupdate -i`: arguments that prevent the install, or that install
// another file. Parses as getopt_long: groups of letters, a value in the same or the next argument,
// and unique prefixes of long names.

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

export type Forbidden = { readonly argument: string; readonly problem: string };

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
