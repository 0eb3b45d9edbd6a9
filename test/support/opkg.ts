// A device with the fake opkg: a root directory, packages that are already installed, and defects.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { runOpkg } from '../fakes/opkg-run.mjs';
import { ipkOf } from './ipk.ts';
import type { IpkSpec } from './ipk.ts';

/** `lede` is OpenWrt's opkg-lede, forked from 0.1. */
export type Flavour = '0.1.8' | '0.6-internal' | '0.6-libsolv' | 'lede';
export const flavours: readonly Flavour[] = ['0.1.8', '0.6-internal', '0.6-libsolv', 'lede'];
/** Reads gzip only, and keeps its files in /usr/lib/opkg. */
export const isOld = (flavour: Flavour) => flavour === '0.1.8' || flavour === 'lede';

/** In the order in which an install passes them. */
export const killPoints = [
  'locked',
  'preinst',
  'unpack:0',
  'unpack:2',
  'unpacked',
  'postinst',
  'status-empty',
  'status-half',
  'status-written',
] as const;

/** Defects of the fake opkg: `test/fakes/opkg-run.mjs` describes each. */
export type Defects = {
  readonly capacity?: number;
  readonly dieAt?: string;
  readonly haltAt?: string;
  readonly isStatusLost?: boolean;
  readonly isQuiet?: boolean;
};

export type OpkgDevice = ReturnType<typeof createOpkgDevice>;

export type OpkgRun = {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** No process has this PID. */
const noPid = 2 ** 22 + 1;

/** Runs the fake opkg in this process: one start of Node takes as long as fifty runs. */
export function runHere(
  args: readonly string[],
  env: { readonly [name: string]: string },
): OpkgRun {
  let [stdout, stderr, signal] = ['', '', ''];
  const script = (given: readonly string[], more: { readonly [name: string]: string }) => {
    const ran = spawnSync('sh', given, { env: { ...env, ...more }, encoding: 'utf8' });
    stdout += ran.stdout;
    stderr += ran.stderr;
    return ran.status;
  };
  const kill = (name: string): never => {
    signal = name;
    throw new Error(name);
  };
  const [out, err] = [(text: string) => (stdout += text), (text: string) => (stderr += text)];
  try {
    const status = runOpkg(args, { pid: noPid, out, err, script, kill });
    return { status, signal: null, stdout, stderr };
  } catch (error) {
    if (signal === '') throw error;
    return { status: null, signal, stdout, stderr };
  }
}

export function createOpkgDevice(
  directory: string,
  flavour: Flavour,
  options: { readonly isOffline?: boolean } = {},
) {
  const root = join(directory, 'root');
  const conf = join(directory, 'opkg.conf');
  const settings = join(directory, 'opkg.json');
  mkdirSync(root, { recursive: true });
  writeFileSync(conf, `arch all 1\narch cortexa7 16\ndest root ${root}\n`);
  const fake = join(process.env['SOTA_AGENT_ROOT'] ?? '', 'test/fakes/opkg.mjs');
  const where = options.isOffline === true ? ['-o', root] : ['-f', conf];
  const program = process.execPath;
  const args = [fake, '--fake', settings, ...where];
  const home = join(root, isOld(flavour) ? 'usr/lib/opkg' : 'var/lib/opkg');
  const statusFile = join(home, 'status');
  const lockFile = join(home, 'lock');
  const set = (defects: Defects) =>
    writeFileSync(settings, JSON.stringify({ flavour, ...defects }));
  const call = (...words: readonly string[]) => runHere([...args.slice(1), ...words], {});
  set({});
  return {
    flavour,
    root,
    program,
    args,
    lockFile,
    statusFile,
    /** This process takes the lock, like another opkg. */
    lock: () => writeFileSync(lockFile, String(process.pid)),
    unlock: () => rmSync(lockFile),
    set,
    call,
    /** Installs before the test begins; not counted among the calls. */
    has(spec: IpkSpec): void {
      const file = join(directory, 'before.ipk');
      writeFileSync(file, ipkOf(spec));
      const ran = call('install', file);
      if (ran.status !== 0) throw new Error(`${ran.stdout}${ran.stderr}`);
      rmSync(`${settings}.calls`);
    },
    /** The commands that change something, in order. */
    calls(): readonly string[] {
      const file = `${settings}.calls`;
      const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
      const acts = lines.filter((line) => !/^(status|list-installed|files) ?/.test(line));
      return acts.map((line) => line.replace(/ \/\S+/, ''));
    },
    /** The packages in its status file, as `name - version state`. */
    listed(): readonly string[] {
      const text = existsSync(statusFile) ? readFileSync(statusFile, 'utf8') : '';
      const stanza = /^Package: (.+)\nVersion: (.+)\nStatus: \S+ \S+ (\S+)$/gm;
      return [...text.matchAll(stanza)].map(([, name, version, state]) =>
        state === 'installed' ? `${name} ${version}` : `${name} ${version} ${state}`,
      );
    },
    /** The PID of the process that waits at `haltAt`; undefined: none yet. */
    halted(): number | undefined {
      const file = `${settings}.reached`;
      return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined;
    },
    go: () => writeFileSync(`${settings}.go`, ''),
    read: (path: string) => readFileSync(join(root, path), 'utf8'),
    isThere: (path: string) => existsSync(join(root, path)),
  };
}
