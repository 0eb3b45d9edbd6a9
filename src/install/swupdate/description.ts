// sw-description, the first member of a .swu: which images in which versions, and whether a reboot
// is wanted. It is libconfig or JSON, in UTF-8; names and versions are found in both by the same
// few rules. Where these fail (an included file, bytes that are no UTF-8), there are no versions.
// The payload was verified as a whole by then, but nobody's signature was looked at: everything is
// bounded.
import { tokensOf } from './libconfig.ts';
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
    return found.ok ? Buffer.from(found.value) : Buffer.alloc(0);
  };
  try {
    const head = (await read(0, headBytes)).toString('latin1');
    const [, size = '', nameSize = ''] =
      /^07070[12].{48}([0-9a-f]{8}).{32}([0-9a-f]{8})/is.exec(head) ?? [];
    const [sizeBytes, nameBytes] = [parseInt(size, 16), parseInt(nameSize, 16)];
    if (!(sizeBytes <= descriptionBytesMax && nameBytes <= 256)) return undefined;
    const name = (await read(headBytes, nameBytes)).toString('latin1');
    if (name !== 'sw-description\0') return undefined;
    const text = textOf(await read(Math.ceil((headBytes + nameBytes) / 4) * 4, sizeBytes));
    return text === undefined ? undefined : parseDescription(text);
  } finally {
    await file.close();
  }
}

/** Undefined: it is no UTF-8. */
function textOf(data: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data);
  } catch {
    return undefined;
  }
}

type Group = { readonly key: string; readonly values: Map<string, string> };

/** Undefined: that is no description. */
export function parseDescription(text: string): Description | undefined {
  const tokens = tokensOf(text);
  if (tokens === undefined) return undefined;
  const images: Map<string, string>[] = [];
  const open: Group[] = [{ key: '', values: new Map() }];
  let key = '';
  let isValue = false;
  for (const { kind, text: token } of tokens) {
    if (kind === 'open') {
      open.push({ key: token === '{' ? '' : key, values: new Map() });
      [key, isValue] = [token === '{' ? '' : key, false];
    } else if (kind === 'close') {
      const closed = open.pop();
      if (closed === undefined || open.length === 0) return undefined;
      const isScript = open.some((group) => group.key === 'scripts');
      if (closed.values.has('filename') && !isScript) images.push(closed.values);
      [key, isValue] = ['', false];
    } else if (kind === 'is') isValue = true;
    else if (kind === 'end') [key, isValue] = ['', false];
    else if (!isValue) key = token;
    else {
      // libconfig joins strings that stand side by side.
      const values = open.at(-1)?.values;
      values?.set(key, `${kind === 'more' ? (values.get(key) ?? '') : ''}${token}`);
    }
    if (key === 'reboot' && isValue && /^false$/i.test(token)) {
      open[0]?.values.set('reboot', 'false');
    }
  }
  if (open.length !== 1) return undefined;
  const isRebootNeedless = open[0]?.values.get('reboot') === 'false';
  return { versions: versionsOf(images), isRebootNeedless };
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
