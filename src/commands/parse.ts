// Parses the command line and checks it against the table of commands. An error for an unknown
// word or option suggests the most similar one.
import { parseArgs } from 'node:util';
import { suggest } from '../config/suggest.ts';
import { plain } from '../sanitize.ts';

/** The arguments of a command, in addition to `--config FILE` and `--help`. */
export type CommandShape = {
  /** As in the usage: `NAME [VERSION]`. */
  readonly words: readonly { readonly name: string; readonly isNeeded: boolean }[];
  readonly takesJson: boolean;
  /** The name of the command in older versions. */
  readonly formerly?: string;
};

export type Parsed =
  | {
      readonly kind: 'command';
      readonly command: string;
      readonly words: readonly string[];
      readonly json: boolean;
      readonly configFile: string | undefined;
      /** The former name if the command line has it. */
      readonly formerly: string | undefined;
    }
  | { readonly kind: 'help'; readonly command: string | undefined }
  | { readonly kind: 'version' }
  | { readonly kind: 'wrong'; readonly reason: string };

type CommandLine = {
  readonly words: readonly string[];
  readonly json: boolean;
  readonly help: boolean;
  readonly version: boolean;
  readonly configFile: string | undefined;
};

const wrong = (reason: string): Parsed => ({ kind: 'wrong', reason: plain(reason) });

export function parseCommandLine(
  argv: readonly string[],
  shapes: ReadonlyMap<string, CommandShape>,
): Parsed {
  const line = readOptions(argv);
  if (typeof line === 'string') return wrong(line);
  const names = namesOf(shapes);
  const [first, ...words] = line.words;
  const topic = first === 'help' ? words[0] : first;
  const command = topic === undefined ? undefined : names.get(topic);
  if (topic !== undefined && command === undefined) {
    const near = suggest(topic, [...names.keys()]);
    return wrong(`unknown command "${topic}"${hint(names.get(near ?? ''))}`);
  }
  const isAlone = first === 'version' || first === 'help';
  const extra = isAlone ? words[first === 'help' ? 1 : 0] : undefined;
  if (extra !== undefined) return wrong(`"${first}" does not accept "${extra}"`);
  if (line.help || first === 'help') return { kind: 'help', command };
  // Before the configuration is read, because the configuration may be invalid.
  if (line.version || first === 'version') return { kind: 'version' };
  const shape = command === undefined ? undefined : shapes.get(command);
  if (command === undefined || shape === undefined) return wrong('a command is missing');
  const problem = problemOf(command, shape, words, line.json);
  if (problem !== undefined) return wrong(problem);
  const { json, configFile } = line;
  const formerly = first === command ? undefined : first;
  return { kind: 'command', command, words, json, configFile, formerly };
}

/** Returns a map from each name, former names included, to the current name. */
function namesOf(shapes: ReadonlyMap<string, CommandShape>): ReadonlyMap<string, string> {
  const names = new Map([...shapes.keys(), 'version', 'help'].map((name) => [name, name]));
  for (const [name, { formerly }] of shapes) if (formerly !== undefined) names.set(formerly, name);
  return names;
}

function problemOf(
  command: string,
  shape: CommandShape,
  words: readonly string[],
  json: boolean,
): string | undefined {
  if (json && !shape.takesJson) return `"${command}" does not accept --json`;
  const missing = shape.words.filter(({ isNeeded }) => isNeeded)[words.length];
  if (missing !== undefined) return `"${command}" needs a ${missing.name}`;
  const empty = shape.words.find((_, at) => words[at] === '');
  if (empty !== undefined) return `"${command}" does not accept an empty ${empty.name}`;
  const extra = words[shape.words.length];
  return extra === undefined ? undefined : `"${command}" does not accept "${extra}"`;
}

const hint = (near: string | undefined) => (near === undefined ? '' : `: did you mean "${near}"?`);

const options = {
  config: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const;

/** Returns an error text if an option is wrong. After `--`, each argument is a word. */
function readOptions(argv: readonly string[]): CommandLine | string {
  const args = [...argv];
  // Not strict: the errors of parseArgs suggest no name.
  const parsed = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true });
  let configFile: string | undefined;
  for (const token of parsed.tokens) {
    if (token.kind !== 'option') continue;
    if (!Object.hasOwn(options, token.name)) {
      const known = Object.keys(options).map((name) => `--${name}`);
      return `unknown option "${token.rawName}"${hint(suggest(token.rawName, known))}`;
    }
    if (token.name === 'config') {
      if (token.value === undefined || token.value === '') return '--config needs a FILE';
      configFile = token.value;
    } else if (token.value !== undefined) return `${token.rawName} does not accept a value`;
  }
  const { json, help, version } = parsed.values;
  const isSet = (value: unknown) => value === true;
  return {
    words: parsed.positionals,
    json: isSet(json),
    help: isSet(help),
    version: isSet(version),
    configFile,
  };
}
