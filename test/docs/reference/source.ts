// Reads the tables of the sources with their comments, which an import does not return. The parser
// reads lines because the formatter fixes the layout; a line of unknown form is an error.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Entry = {
  readonly section: string;
  readonly name: string;
  /** The text in the source, such as `'info'`, `65_536` or `string | undefined`. */
  readonly value: string;
  readonly comment: string;
};

const rule = /^\s*\/\/ -{10,} (.*)$/;
const commentLine = /^\s*(?:\/\/|\/\*\*|\*(?!\/)|(?=\*\/)) ?(.*?)\s*(?:\*\/)?$/;

/** Returns the entries. An entry without a comment gets the comment of the entry above it. */
function entriesIn(text: string, form: RegExp): readonly Entry[] {
  const entries: Entry[] = [];
  let section = '';
  let comment = '';
  let isInComment = false;
  for (const line of text.split('\n')) {
    const [, title] = rule.exec(line) ?? [];
    const [, words] = commentLine.exec(line) ?? [];
    const [, name, value] = form.exec(line) ?? [];
    if (title !== undefined) section = title;
    else if (words !== undefined) comment = isInComment ? `${comment} ${words}`.trim() : words;
    else if (name !== undefined && value !== undefined) {
      if (comment === '') throw new Error(`${name} has no comment`);
      entries.push({ section, name, value, comment: comment.trim() });
    } else if (line.trim() !== '') throw new Error(`not understood: ${line}`);
    if (line.trim() === '' || title !== undefined) comment = '';
    isInComment = words !== undefined;
  }
  return entries;
}

/** Reads `export const NAME = { … } as const;`. */
export function tableOf(
  path: string,
  name: string,
  text = readFileSync(path, 'utf8'),
): readonly Entry[] {
  const body = text.split(`export const ${name} = {\n`)[1]?.split('\n} as const;')[0];
  if (body === undefined) throw new Error(`${path} has no table ${name}`);
  return entriesIn(body, /^ {2}'?([\w-]+)'?: (.+),$/);
}

/** Reads each `export const NAME = NUMBER;` of a file. */
export function constantsOf(path: string, text = readFileSync(path, 'utf8')): readonly Entry[] {
  return entriesIn(text.slice(text.indexOf('\n\n')), /^export const (\w+) = ([\d_]+);$/);
}

const sources = readdirSync('src', { recursive: true })
  .map((name) => join('src', String(name)))
  .filter((path) => path.endsWith('.ts'))
  .sort()
  .map((path) => readFileSync(path, 'utf8'));

/** Returns the text after `export type NAME =`. */
function bodyOf(name: string): string {
  const form = new RegExp(`^export type ${name} =([^]*?);\\n(?=\\n|\\w|/|$)`, 'm');
  for (const text of sources) {
    const [, body] = form.exec(text) ?? [];
    if (body !== undefined) return body.trim();
  }
  throw new Error(`there is no type ${name}`);
}

export type Field = {
  /** The path of the field, such as `packages[].id`. */
  readonly path: string;
  readonly type: string;
  readonly isOptional: boolean;
  readonly comment: string;
};

/** Returns the fields of an object type and the fields of its parts. */
export function fieldsOf(name: string, above = ''): readonly Field[] {
  const lines = onLines(bodyOf(name));
  const fields: Field[] = [];
  const opened: string[] = [];
  let comment: string[] = [];
  const here = () => [above, ...opened].filter((part) => part !== '').join('.');
  for (const line of lines) {
    const [, words] = /^\s*(\/\/|\/\*|\*)/.test(line) ? (commentLine.exec(line) ?? []) : [];
    const [, group, begin] = /^\s*readonly (\w+): (\{|readonly \(\{)$/.exec(line) ?? [];
    const [, member, mark, type] = /^\s*readonly (\w+)(\??): (.+);$/.exec(line) ?? [];
    const [, part] = /^\s*\}(?: & (\w+))?\)?(?:\[\])?;$/.exec(line) ?? [];
    if (words !== undefined) {
      comment.push(words.trim());
      continue;
    }
    if (group !== undefined) {
      const path = here() === '' ? group : `${here()}.${group}`;
      const type = begin === '{' ? 'object' : 'list';
      const about = comment.join(' ').trim();
      if (about !== '') fields.push({ path, type, isOptional: false, comment: about });
      opened.push(begin === '{' ? group : `${group}[]`);
    } else if (member !== undefined && type !== undefined) {
      const path = here() === '' ? member : `${here()}.${member}`;
      fields.push(...fieldOf(path, type, mark === '?', comment.join(' ').trim()));
    } else if (/^\s*\}/.test(line) && opened.length > 0) {
      if (part !== undefined) fields.push(...fieldsOf(part, here()));
      opened.pop();
    } else if (line !== '{' && line !== '}') throw new Error(`${name}: not understood: ${line}`);
    comment = [];
  }
  return fields;
}

/** Returns one line per field. The source writes a short type on one line. */
function onLines(body: string): readonly string[] {
  const [, short] = /^\{ (.*) \}$/.exec(body) ?? [];
  if (short === undefined) return body.split('\n');
  return ['{', ...short.split('; ').map((field) => `${field};`), '}'];
}

function fieldOf(path: string, type: string, hasMark: boolean, comment: string): readonly Field[] {
  const isOptional = hasMark || /\| undefined$/.test(type);
  const plain = type.replace(/ \| undefined$/, '');
  const [, readonlyOf, name = '', list] = /^(readonly )?(\w+)(\[\])?$/.exec(plain) ?? [];
  const isList = readonlyOf !== undefined && list !== undefined;
  if (/^[A-Z]/.test(name)) {
    const body = bodyOf(name);
    const own = { path, type: body, isOptional, comment };
    if (!body.startsWith('{')) return [own];
    // An object on one line, such as name and version, gets no rows for its fields.
    if (!body.includes('\n')) return [{ ...own, type: 'object' }];
    const kind = isList ? 'list' : 'object';
    return [{ ...own, type: kind }, ...fieldsOf(name, isList ? `${path}[]` : path)];
  }
  if (comment === '') throw new Error(`${path} has no comment`);
  return [{ path, type: isList ? `list of ${name}` : plain, isOptional, comment }];
}
