// JSON as a tree with forms that JSON.stringify cannot write: a duplicate key, `__proto__` as a
// key, a number of 400 digits, half a surrogate pair, a missing value.

export type Tree =
  | { readonly kind: 'object'; readonly members: (readonly [name: string, value: Tree])[] }
  | { readonly kind: 'list'; readonly items: Tree[] }
  /** Written without a change. */
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

/** JSON.stringify writes a lone surrogate as an escape, as a valid sender does. */
const quote = (name: string) => JSON.stringify(name);

/** The place of a subtree, where it can be replaced. */
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
