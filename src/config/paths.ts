// Checks that paths differ. The agent creates, replaces and removes files under its own names in
// `storage.dir`. If another key names such a file, the file is lost or the agent stops.
import { error } from './findings.ts';
import { sectionPaths } from './installer-sections.ts';
import type { AgentSettings } from '../install/installers.ts';
import type { Finding } from './findings.ts';

type Named = { readonly key: string; readonly path: string; readonly isFolder: boolean };

/** The names that the agent uses in `storage.dir`. */
const ownNames = /^(?:journal|lock)(?:\..*)?$|^packages$|^delivery-path.*$/s;
const elsewhere = 'choose a path outside storage.dir';

type Place = (path: string) => string;

/** `place` resolves a path; the default reads no disk and treats links as directories. */
export function paths(settings: AgentSettings, place: Place = normal): readonly Finding[] {
  const { directory } = settings.storage;
  const store = place(directory);
  const unfit = unfitStore(directory, store);
  if (unfit !== undefined) return [unfit];
  const found = namedBy(settings).flatMap((named) => {
    const one = conflict(named, directory, store, place);
    return one === undefined ? [] : [one];
  });
  return [...found, ...clearedStore(settings, store, place)];
}

function unfitStore(directory: string, store: string): Finding | undefined {
  const hint = 'set it to a directory of its own on a file system that survives a reboot';
  if (store === '/') return error('storage.dir', `is ${directory}, the root directory`, hint);
  const kernel = ['/proc', '/sys'].find((root) => isWithin(store, root));
  if (kernel === undefined) return undefined;
  return error('storage.dir', `is ${directory}: ${kernel} belongs to the kernel`, hint);
}

function conflict(
  { key, path, isFolder }: Named,
  directory: string,
  store: string,
  place: Place,
): Finding | undefined {
  const own = place(path);
  const [name = ''] = isWithin(own, store) ? own.slice(store.length + 1).split('/') : [];
  if (ownNames.test(name)) {
    const problem = `is ${path}, which is a file of the agent: "${name}" in storage.dir`;
    return error(key, `${problem} (${directory})`, elsewhere);
  }
  if (isFolder || !isWithin(store, own)) return undefined;
  const relation = store === own ? 'which is storage.dir' : 'a directory above storage.dir';
  return error(key, `is ${path}, ${relation} (${directory}), and must be a file`, elsewhere);
}

/** SWUpdate works in `sota-agent-<number>`; the agent removes it before and after each install. */
function clearedStore(
  { installer, storage }: AgentSettings,
  store: string,
  place: Place,
): readonly Finding[] {
  const { workDirectory } = installer;
  if (workDirectory === '') return [];
  const root = place(workDirectory);
  if (!isWithin(store, root)) return [];
  const [name = ''] = store.slice(root === '/' ? 1 : root.length + 1).split('/');
  if (!/^sota-agent-\d+$/.test(name)) return [];
  const problem = `is ${storage.directory}: the agent clears "${name}" in installer.work_dir`;
  return [error('storage.dir', `${problem} (${workDirectory})`, 'choose another directory')];
}

/** A program that is looked up in PATH has no path here. */
function namedBy({ rvi, installer, reboot, control }: AgentSettings): readonly Named[] {
  const files: readonly (readonly [string, string | undefined])[] = [
    ['rvi.tls_ca', rvi.tls.ca],
    ['rvi.tls_cert', rvi.tls.cert],
    ['rvi.tls_key', rvi.tls.key],
    ['reboot.program', reboot.program],
    ['reboot.allow', reboot.allow[0]],
    ['reboot.health_check', reboot.healthCheck[0]],
    ['control.socket', control.socket],
  ];
  const folders: typeof files = [['installer.work_dir', installer.workDirectory]];
  const named =
    (isFolder: boolean) =>
    ([key, path = '']: (typeof files)[number]) =>
      path.startsWith('/') ? [{ key, path, isFolder }] : [];
  const own = [...files.flatMap(named(false)), ...folders.flatMap(named(true))];
  return [...own, ...sectionPaths(installer)];
}

const isWithin = (path: string, root: string) =>
  path === root || path.startsWith(root === '/' ? root : `${root}/`);

/** Removes empty parts, `.` and `..`. */
function normal(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}
