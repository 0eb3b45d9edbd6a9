// One agent at a time in a storage directory, also across containers (PID and network namespaces):
// each agent listens on a Unix socket in that directory. The kernel closes the socket with the
// process, so a socket that refuses connections belongs to nobody, and no power loss locks anybody
// out.
//
// Names: `lock.new.<token>`  a socket that may not listen yet; others ignore it
//        `lock.<token>`      a socket that listens: of an agent that holds the lock, or tries to
//        `lock`              the same socket as that of the holder, for whoever looks for it
//
// A starter makes its own `lock.<token>` first and looks at all others after that. So of two
// starters the later one sees the earlier one. A starter that sees another agent which holds the
// lock, or which tries and has the smaller token, gives up. A starter that sees no other holds it.
// A token is never used again: a name that refuses stays dead, and anybody may remove it.
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
 * Held until the process is gone, and not just until its work ends: an installer that it started
 * may go on longer.
 */
export async function takeLock(directory: string, version: string): Promise<DiskResult<void>> {
  let own: Own | undefined;
  try {
    await makeFolders(directory);
    const foreign = foreignFileAt(`${directory}/lock`);
    if (foreign !== undefined) return { ok: false, code: 'EEXIST', reason: foreign };
    own = await publish(directory, version);
    const other = await contend(directory, own);
    if (other === undefined) {
      take(directory, own);
      return { ok: true, value: undefined };
    }
    withdraw(own);
    return lockedBy(`${directory}/lock`, other);
  } catch (error) {
    if (own !== undefined) withdraw(own);
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
  // The number says nothing in another namespace.
  const where = isElsewhere ? ` in another container, host ${plain(shortened(host, 64))}` : '';
  const reason = `another agent (${who}${where}) holds ${path}; stop it first`;
  return { ok: false, code: 'EBUSY', reason };
}

/** For whoever only looks. Undefined: nobody holds it, or it is not for this user to see. */
export async function lockHolder(directory: string): Promise<Holder | undefined> {
  try {
    const path = `${directory}/lock`;
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isSymbolicLink() === true) return await oldHolder(directory);
    if (found?.isSocket() !== true) return undefined;
    // Without the right to connect, the kernel does not say whether anybody listens.
    accessSync(path, constants.W_OK);
    const answer = await queryHolder(directory, 'lock');
    if (answer === 'dead' || answer === 'gone') return undefined;
    return { ...answer, isElsewhere: isOther(answer.namespace, namespaceOf('pid')) };
  } catch {
    return undefined;
  }
}

/** What is at the name of the lock and was not made by an agent: it is left alone. */
function foreignFileAt(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isSocket()) return undefined;
  if (found.isSymbolicLink() && linkHolder(readlinkSync(path)) !== undefined) return undefined;
  return `${path} is there and is not the lock of an agent; if nothing needs it, remove it`;
}

/** Own socket, under a name that others look at, once it listens. */
async function publish(directory: string, version: string): Promise<Own> {
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

function withdraw({ path, socket }: Own): void {
  rmSync(path, { force: true });
  socket.close();
}

/** Gives the one that holds the lock; undefined: nobody does, and nobody else can take it now. */
async function contend(directory: string, own: Own): Promise<Holder | undefined> {
  for (let round = 0; round < roundsMax; round += 1) {
    const others = await othersIn(directory, own);
    const holder = others.find(({ state }) => state === 'holding');
    if (holder !== undefined) return holder;
    const before = others.find(({ token }) => token < own.token);
    if (before !== undefined) return before;
    if (others.length === 0) return oldHolder(directory);
    // They see this one, and give up; one that looked before this one was there will hold the lock.
    await pause(pollMs);
  }
  throw new Error('other agents start all the time');
}

async function othersIn(directory: string, own: Own): Promise<readonly Holder[]> {
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

/** A holder that does not answer may be anywhere. */
function isOther(namespace: string, own: string): boolean {
  return namespace !== '' && own !== '' && namespace !== own;
}

/** Of version 0.1.0, whose lock is a symbolic link. */
async function oldHolder(directory: string): Promise<Holder | undefined> {
  const path = `${directory}/lock`;
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
  const text = readlinkSync(path);
  const pid = linkHolder(text);
  if (pid === undefined || !(await isLinkAlive(text))) return undefined;
  return { pid, host: '', namespace: '', token: '', state: 'holding', isElsewhere: false };
}

/** Only the one that holds the lock comes here: what is at the name is dead. */
function take(directory: string, own: Own): void {
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

/** Such as `pid:[4026531836]`; empty without /proc. */
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
