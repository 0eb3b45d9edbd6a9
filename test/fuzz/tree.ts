// JSON as a tree that can say what JSON.stringify cannot: a key twice, `__proto__` as a key, a
// number of 400 digits, half a surrogate pair, nothing where a value should be.

export type Tree =
  | { readonly kind: 'object'; readonly members: (readonly [name: string, value: Tree])[] }
  | { readonly kind: 'list'; readonly items: Tree[] }
  /** Goes out as it stands. */
  | { readonly kind: 'raw'; readonly text: string };

export const raw = (text: string): Tree => ({ kind: 'raw', text });

export function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return { kind: 'list', items: value.map(treeOf) };
  if (typeof value !== 'object' || value === null) return raw(JSON.stringify(value) ?? '');
  const members = Object.entries(value).map(([name, one]) => [name, treeOf(one)] as const);
  return { kind: 'object', members };
}

export function spell(tree: Tree): string {
  switch (tree.kind) {
    case 'raw':
      return tree.text;
    case 'list':
      return `[${tree.items.map(spell).join(',')}]`;
    case 'object':
      return `{${tree.members.map(([name, one]) => `${quote(name)}:${spell(one)}`).join(',')}}`;
  }
}

/** JSON.stringify spells a lone surrogate as an escape, as those do who want to be understood. */
const quote = (name: string) => JSON.stringify(name);

/** Where a subtree hangs: it can be replaced there. */
export type Place = { readonly tree: Tree; replace(tree: Tree): void };

export function placesOf(root: Tree, replaceRoot: (tree: Tree) => void): readonly Place[] {
  const places: Place[] = [{ tree: root, replace: replaceRoot }];
  const visit = (tree: Tree): void => {
    if (tree.kind === 'list') {
      for (const [at, item] of tree.items.entries()) {
        places.push({ tree: item, replace: (other) => void (tree.items[at] = other) });
        visit(item);
      }
    }
    if (tree.kind !== 'object') return;
    for (const [at, [name, value]] of tree.members.entries()) {
      places.push({ tree: value, replace: (other) => void (tree.members[at] = [name, other]) });
      visit(value);
    }
  };
  visit(root);
  return places;
}
