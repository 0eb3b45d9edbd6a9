// The file system before the first start.
import { nameIn, newDirectory, newFile, syncFile, syncNames, writeFile } from './flash.ts';
import { directory } from './settings.ts';
import type { DirectoryNode } from './flash.ts';

/** `journal`: what another agent left. */
export function createRoot(isFresh: boolean, journal?: Uint8Array): DirectoryNode {
  const root = newDirectory();
  let at = root;
  const names = directory.split('/').filter((part) => part !== '');
  for (const name of isFresh ? names.slice(0, -1) : names) {
    const node = newDirectory();
    nameIn(at, { kind: 'add', name, node });
    syncNames(at);
    at = node;
  }
  if (journal === undefined) return root;
  const node = newFile();
  writeFile(node, journal, 0);
  syncFile(node);
  nameIn(at, { kind: 'add', name: 'journal', node });
  syncNames(at);
  return root;
}
