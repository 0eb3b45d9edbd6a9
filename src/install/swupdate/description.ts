// sw-description, the first member of a .swu: which images in which versions, and whether a reboot
// is wanted. It is libconfig or JSON; names and versions are found in both by the same few rules.
// The payload was verified as a whole by then, but nobody's signature was looked at: everything is
// bounded.
import type { Disk } from '../../host/ports.ts';

export type Description = {
  /** Name and version of each image, once; undefined where one has none or the sets differ. */
  readonly versions: ReadonlyMap<string, string> | undefined;
  /** The update says that no reboot is needed (2024.12 and later). */
  readonly isRebootNeedless: boolean;
};

const headBytes = 110;
const descriptionBytesMax = 262_144;

/** Undefined: it cannot be read (encrypted, too large, no cpio). */
export async function readDescription(disk: Disk, path: string): Promise<Description | undefined> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return undefined;
  const file = opened.value;
  const read = async (offsetBytes: number, sizeBytes: number) => {
    const found = await file.read(offsetBytes, sizeBytes);
    return found.ok ? Buffer.from(found.value).toString('latin1') : '';
  };
  try {
    const head = await read(0, headBytes);
    const [, size = '', nameSize = ''] =
      /^07070[12].{48}([0-9a-f]{8}).{32}([0-9a-f]{8})/is.exec(head) ?? [];
    const [sizeBytes, nameBytes] = [parseInt(size, 16), parseInt(nameSize, 16)];
    if (!(sizeBytes <= descriptionBytesMax && nameBytes <= 256)) return undefined;
    const name = await read(headBytes, nameBytes);
    if (name !== 'sw-description\0') return undefined;
    return parseDescription(await read(Math.ceil((headBytes + nameBytes) / 4) * 4, sizeBytes));
  } finally {
    await file.close();
  }
}

type Group = { readonly key: string; readonly values: Map<string, string> };

/** Undefined: that is no description. */
export function parseDescription(text: string): Description | undefined {
  const images: Map<string, string>[] = [];
  const open: Group[] = [{ key: '', values: new Map() }];
  let key = '';
  let isValue = false;
  for (const token of tokensOf(text)) {
    if (token === '{' || token === '(' || token === '[') {
      open.push({ key: token === '{' ? '' : key, values: new Map() });
      [key, isValue] = [token === '{' ? '' : key, false];
    } else if (token === '}' || token === ')' || token === ']') {
      const closed = open.pop();
      if (closed === undefined || open.length === 0) return undefined;
      const isScript = open.some((group) => group.key === 'scripts');
      if (closed.values.has('filename') && !isScript) images.push(closed.values);
      [key, isValue] = ['', false];
    } else if (token === '=' || token === ':') isValue = true;
    else if (token === ',' || token === ';') [key, isValue] = ['', false];
    else if (isValue) open.at(-1)?.values.set(key, unquoted(token));
    else key = unquoted(token);
    if (key === 'reboot' && isValue && /^false$/i.test(unquoted(token))) {
      open[0]?.values.set('reboot', 'false');
    }
  }
  if (open.length !== 1) return undefined;
  const isRebootNeedless = open[0]?.values.get('reboot') === 'false';
  return { versions: versionsOf(images), isRebootNeedless };
}

/** Comments and blanks fall between the matches. */
function tokensOf(text: string): readonly string[] {
  const comment = /\/\*[^]*?\*\/|(?:\/\/|#)[^\n]*/;
  const token = /"(?:\\.|[^"\\])*"|[{}()[\]=:,;]|[^\s{}()[\]=:,;"#]+/;
  const either = new RegExp(`${comment.source}|(${token.source})`, 'g');
  return [...text.matchAll(either)].flatMap(([, found]) => (found === undefined ? [] : [found]));
}

function unquoted(token: string): string {
  return token.startsWith('"') ? token.slice(1, -1).replace(/\\(.)/gs, '$1') : token;
}

function versionsOf(
  images: readonly ReadonlyMap<string, string>[],
): ReadonlyMap<string, string> | undefined {
  const versions = new Map<string, string>();
  for (const image of images) {
    const [name, version] = [image.get('name'), image.get('version')];
    if (name === undefined || version === undefined) return undefined;
    if ((versions.get(name) ?? version) !== version) return undefined;
    versions.set(name, version);
  }
  return versions.size === 0 ? undefined : versions;
}
