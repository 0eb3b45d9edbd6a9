// Permits one agent at a time in a storage directory, also across containers (PID and network
// namespaces). Each agent listens on a Unix socket in that directory. The kernel closes the socket
// when the process ends, so a socket that refuses connections is stale, also after a power loss.
//
// Names: `lock.new.<token>`  a socket that may not listen yet; other agents ignore it
//        `lock.<token>`      a listening socket of an agent that has the lock or tries to get it
//        `lock`              another name of the socket of the agent that has the lock
//
// A starting agent creates its own `lock.<token>` first, then checks all others. So of two agents
// the later one finds the earlier one. An agent gives up if another one has the lock, or tries with
// a smaller token. An agent that finds no other has the lock. A token is never reused: a socket
// that refuses connections stays stale, and each agent may remove it.
import { randomBytes } from 'node:crypto';
import { accessSync, constants, promises as fs, linkSync, lstatSync } from 'node:fs';
import { readFileSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { plain, shortened } from '../sanitize.ts';
import { codedError } from './errors.ts';
import { makeFolders } from './make-directories.ts';
import { isLinkAlive, linkHolder } from './link-lock.ts';
import { queryHolder, listenIn } from './lock-socket.ts';
import type { DiskResult } from './ports.ts';
import type { Holder, Listening } from './lock-socket.ts';

const pollMs = 20;
const roundsMax = 100;

type Own = { readonly token: string; readonly path: string; readonly socket: Listening };

/**
 * Takes the lock until the process ends. An installer that the agent started may run longer than
 * the work of the agent.
 */
export async function takeLock(directory: string, version: string): Promise<DiskResult<void>> {
  let own: Own | undefined;
  try {
    await makeFolders(directory);
    const foreign = foreignFileAt(`${directory}/lock`);
    if (foreign !== undefined) return { ok: false, code: 'EEXIST', reason: foreign };
    own = await createOwn(directory, version);
    const other = await waitForOthers(directory, own);
    if (other === undefined) {
      publishLock(directory, own);
      return { ok: true, value: undefined };
    }
    removeOwn(own);
    return lockedBy(`${directory}/lock`, other);
  } catch (error) {
    if (own !== undefined) removeOwn(own);
    const { code, message } = codedError(error);
    return { ok: false, code, reason: `cannot lock ${directory}: ${message}${hintOf(code)}` };
  }
}

function hintOf(code: string): string {
  if (!['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS'].includes(code)) return '';
  return '; storage.dir needs a file system with Unix sockets and hard links (FAT has neither)';
}

function lockedBy(path: string, { pid, host, isElsewhere }: Holder): DiskResult<never> {
  const who = pid === undefined ? 'it does not answer' : `process ${pid}`;
  // A process number is only valid in its own namespace.
  const where = isElsewhere ? ` in another container, host ${plain(shortened(host, 64))}` : '';
  const reason = `another agent (${who}${where}) has the lock ${path}; stop it first`;
  return { ok: false, code: 'EBUSY', reason };
}

/** Returns the owner of the lock; undefined: there is none, or this user may not connect to it. */
export async function lockHolder(directory: string): Promise<Holder | undefined> {
  try {
    const path = `${directory}/lock`;
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isSymbolicLink() === true) return await oldHolder(directory);
    if (found?.isSocket() !== true) return undefined;
    // Without permission to connect, the kernel does not report whether a process listens.
    accessSync(path, constants.W_OK);
    const answer = await queryHolder(directory, 'lock');
    if (answer === 'dead' || answer === 'gone') return undefined;
    return { ...answer, isElsewhere: isOther(answer.namespace, namespaceOf('pid')) };
  } catch {
    return undefined;
  }
}

/** Returns the error if the file at the path of the lock was not created by an agent. */
function foreignFileAt(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isSocket()) return undefined;
  if (found.isSymbolicLink() && linkHolder(readlinkSync(path)) !== undefined) return undefined;
  return `${path} exists and is not the lock of an agent; if it is not needed, remove it`;
}

/** Creates the socket of this agent, and renames it to `lock.<token>` once it listens. */
async function createOwn(directory: string, version: string): Promise<Own> {
  const token = randomBytes(8).toString('hex');
  const [fresh, path] = [`lock.new.${token}`, `${directory}/lock.${token}`];
  const [pid, host, namespace] = [process.pid, hostname(), namespaceOf('pid')];
  const self = { pid, host, namespace, version, token };
  const socket = await listenIn(directory, fresh, self);
  renameSync(`${directory}/${fresh}`, path);
  const own = { token, path, socket };
  process.once('exit', () => {
    const name = `${directory}/lock`;
    if (isSame(name, path)) rmSync(name, { force: true });
    rmSync(path, { force: true });
  });
  return own;
}

function removeOwn({ path, socket }: Own): void {
  rmSync(path, { force: true });
  socket.close();
}

/** Returns the agent that has the lock; undefined: only this agent can take the lock. */
async function waitForOthers(directory: string, own: Own): Promise<Holder | undefined> {
  for (let round = 0; round < roundsMax; round += 1) {
    const others = await otherAgents(directory, own);
    const holder = others.find(({ state }) => state === 'holding');
    if (holder !== undefined) return holder;
    const before = others.find(({ token }) => token < own.token);
    if (before !== undefined) return before;
    if (others.length === 0) return oldHolder(directory);
    // The others find this agent and give up, or one that checked earlier takes the lock.
    await pause(pollMs);
  }
  throw new Error('too many agents start at the same time');
}

async function otherAgents(directory: string, own: Own): Promise<readonly Holder[]> {
  const found: Holder[] = [];
  for (const name of await fs.readdir(directory)) {
    if (!/^lock(\.[0-9a-f]{16})?$/.test(name)) continue;
    const path = `${directory}/${name}`;
    if (path === own.path || isSame(path, own.path)) continue;
    if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) continue;
    const answer = await queryHolder(directory, name);
    if (answer === 'dead' && name !== 'lock') rmSync(path, { force: true });
    if (answer === 'dead' || answer === 'gone') continue;
    found.push({ ...answer, isElsewhere: isOther(answer.namespace, namespaceOf('pid')) });
  }
  return found;
}

/** Returns true if both namespaces are known and differ. */
function isOther(namespace: string, own: string): boolean {
  return namespace !== '' && own !== '' && namespace !== own;
}

/** Returns a running agent of version 0.1.0, whose lock is a symbolic link. */
async function oldHolder(directory: string): Promise<Holder | undefined> {
  const path = `${directory}/lock`;
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
  const text = readlinkSync(path);
  const pid = linkHolder(text);
  if (pid === undefined || !(await isLinkAlive(text))) return undefined;
  return { pid, host: '', namespace: '', token: '', state: 'holding', isElsewhere: false };
}

/** Called only by the agent that has the lock, so a socket at the path is stale. */
function publishLock(directory: string, own: Own): void {
  const path = `${directory}/lock`;
  const fresh = `${directory}/lock.new.${own.token}`;
  own.socket.become('holding');
  linkSync(own.path, fresh);
  renameSync(fresh, path);
}

function isSame(path: string, other: string): boolean {
  const [one, two] = [path, other].map((name) => lstatSync(name, { throwIfNoEntry: false }));
  return one !== undefined && two !== undefined && one.ino === two.ino && one.dev === two.dev;
}

/** Returns a namespace such as `pid:[4026531836]`; empty without /proc. */
function namespaceOf(kind: string): string {
  try {
    return readlinkSync(`/proc/self/ns/${kind}`);
  } catch {
    return '';
  }
}

export async function readBootId(): Promise<string> {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
