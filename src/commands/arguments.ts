// The command line, checked against the table of commands. A word that is not known is answered
// with the nearest one that is.
import { suggest } from '../config/suggest.ts';
import { plain } from '../sanitize.ts';

/** What a command takes beside `--config FILE` and `--help`. */
export type Shape = {
  /** As in the usage: `NAME [VERSION]`. */
  readonly words: readonly { readonly name: string; readonly isNeeded: boolean }[];
  readonly takesJson: boolean;
};

export type Parsed =
  | {
      readonly kind: 'command';
      readonly command: string;
      readonly words: readonly string[];
      readonly json: boolean;
      readonly configFile: string | undefined;
    }
  | { readonly kind: 'help'; readonly command: string | undefined }
  | { readonly kind: 'version' }
  | { readonly kind: 'wrong'; readonly reason: string };

type Options = {
  readonly words: readonly string[];
  readonly json: boolean;
  readonly help: boolean;
  readonly version: boolean;
  readonly configFile: string | undefined;
};

const wrong = (reason: string): Parsed => ({ kind: 'wrong', reason: plain(reason) });

export function parseArguments(
  argv: readonly string[],
  shapes: ReadonlyMap<string, Shape>,
): Parsed {
  const options = readOptions(argv);
  if (typeof options === 'string') return wrong(options);
  const [command, ...words] = options.words;
  const topic = command === 'help' ? words[0] : command;
  const known = [...shapes.keys(), 'version', 'help'];
  if (topic !== undefined && !known.includes(topic)) {
    return wrong(`there is no command "${topic}"${hint(suggest(topic, known))}`);
  }
  const isAlone = command === 'version' || command === 'help';
  const tooMuch = isAlone ? words[command === 'help' ? 1 : 0] : undefined;
  if (tooMuch !== undefined) return wrong(`"${command}" does not take "${tooMuch}"`);
  if (options.help || command === 'help') return { kind: 'help', command: topic };
  // Answered before the configuration is read, which may be what is broken.
  if (options.version || command === 'version') return { kind: 'version' };
  const shape = command === undefined ? undefined : shapes.get(command);
  if (command === undefined || shape === undefined) return wrong('a command is missing');
  const { json, configFile } = options;
  if (json && !shape.takesJson) return wrong(`"${command}" takes no --json`);
  const missing = shape.words.filter(({ isNeeded }) => isNeeded)[words.length];
  if (missing !== undefined) return wrong(`"${command}" needs a ${missing.name}`);
  const empty = shape.words.find((_, at) => words[at] === '');
  if (empty !== undefined) return wrong(`"${command}" takes no empty ${empty.name}`);
  const spare = words[shape.words.length];
  if (spare !== undefined) return wrong(`"${command}" does not take "${spare}"`);
  return { kind: 'command', command, words, json, configFile };
}

const hint = (near: string | undefined) => (near === undefined ? '' : `; did you mean "${near}"?`);

const optionNames = ['--config', '--json', '--help', '--version'];

/** The reason, where an option is wrong. Behind `--` everything is a word. */
function readOptions(argv: readonly string[]): Options | string {
  const words: string[] = [];
  let options: Options = { words, json: false, help: false, version: false, configFile: undefined };
  for (let at = 0; at < argv.length; at += 1) {
    const given = argv[at] ?? '';
    if (given === '--') {
      words.push(...argv.slice(at + 1));
      break;
    }
    if (!given.startsWith('-') || given === '-') {
      words.push(given);
      continue;
    }
    const [name = '', value] = split(given);
    if (!optionNames.includes(name) && !/^-[hV]$/.test(name)) {
      return `there is no option "${name}"${hint(suggest(name, optionNames))}`;
    }
    if (name !== '--config' && value !== undefined) return `${name} takes no value`;
    if (name === '--config') {
      const configFile = value ?? argv[(at += 1)];
      if (configFile === undefined || configFile === '') return '--config needs a FILE';
      options = { ...options, configFile };
    } else if (name === '--json') options = { ...options, json: true };
    else if (name === '--version' || name === '-V') options = { ...options, version: true };
    else options = { ...options, help: true };
  }
  return options;
}

function split(option: string): readonly string[] {
  const at = option.indexOf('=');
  return at < 0 ? [option] : [option.slice(0, at), option.slice(at + 1)];
}
