// The names of the key table: keys, former names and sections.
import { assert } from '../assert.ts';
import { readKeys } from './keys.ts';
import { suggest } from './suggest.ts';
import type { Take } from './keys.ts';

export type KeyEntry = {
  readonly key: string;
  /** The name of the key in older versions. */
  readonly formerly: string | undefined;
  /** As in the file; undefined if the key has no default. */
  readonly fallback: unknown;
};

export function keyEntries(): readonly KeyEntry[] {
  const entries: KeyEntry[] = [];
  const note: Take = (key, reader, fallback, formerly) => {
    entries.push({ key, formerly, fallback });
    const read = reader.read(fallback);
    assert(read.ok, `the default of ${key} fits its reader`);
    return read.value;
  };
  readKeys(note);
  return entries;
}

/** From each name to the current one; a former name must not be the name of another key. */
export function currentNames(entries: readonly KeyEntry[]): ReadonlyMap<string, string> {
  const former = entries.flatMap(({ key, formerly }): readonly (readonly [string, string])[] =>
    formerly === undefined ? [] : [[formerly, key]],
  );
  const names = new Map([...entries.map(({ key }) => [key, key] as const), ...former]);
  assert(names.size === entries.length + former.length, 'each name belongs to one key');
  return names;
}

/** Returns every prefix of a key: `installer.opkg.args` is in `installer.opkg` and `installer`. */
export function sectionsOf(entries: readonly KeyEntry[]): readonly string[] {
  const sections = new Set<string>();
  for (const { key } of entries) {
    const path = key.split('.');
    for (let depth = 1; depth < path.length; depth += 1) {
      sections.add(path.slice(0, depth).join('.'));
    }
  }
  return [...sections];
}

/** Returns the current name of the key that was most likely meant. */
export function suggestKey(
  word: string,
  names: ReadonlyMap<string, string>,
  isCandidate: (name: string) => boolean = () => true,
): string | undefined {
  const near = suggest(word, [...names.keys()].filter(isCandidate));
  return near === undefined ? undefined : names.get(near);
}
