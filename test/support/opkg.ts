// A device with the stand-in for opkg: a root of its own, packages that are there already, and the
// defects that a test wants.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ipkOf } from './ipk.ts';
import type { IpkSpec } from './ipk.ts';

/** `lede` is OpenWrt's opkg-lede, which went its own way at 0.1. */
export type Flavour = '0.1.8' | '0.6-internal' | '0.6-libsolv' | 'lede';
export const flavours: readonly Flavour[] = ['0.1.8', '0.6-internal', '0.6-libsolv', 'lede'];
/** Reads gzip alone, and has its home in /usr/lib/opkg. */
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

/** What the stand-in is told (`test/fakes/opkg.mjs` says what each means). */
export type Defects = {
  readonly capacity?: number;
  readonly dieAt?: string;
  readonly haltAt?: string;
  readonly isStatusLost?: boolean;
  readonly isQuiet?: boolean;
};

export type OpkgDevice = ReturnType<typeof createOpkgDevice>;

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
  const standIn = join(process.env['SOTA_AGENT_ROOT'] ?? '', 'test/fakes/opkg.mjs');
  const where = options.isOffline === true ? ['-o', root] : ['-f', conf];
  const program = process.execPath;
  const args = [standIn, '--stand-in', settings, ...where];
  const home = join(root, isOld(flavour) ? 'usr/lib/opkg' : 'var/lib/opkg');
  const statusFile = join(home, 'status');
  const lockFile = join(home, 'lock');
  const set = (defects: Defects) =>
    writeFileSync(settings, JSON.stringify({ flavour, ...defects }));
  const call = (...words: readonly string[]) =>
    spawnSync(program, [...args, ...words], { encoding: 'utf8', env: {} });
  set({});
  return {
    flavour,
    root,
    program,
    args,
    lockFile,
    statusFile,
    /** Held by this process, as by another opkg. */
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
    /** What its status file says, `name - version state`. */
    listed(): readonly string[] {
      const text = existsSync(statusFile) ? readFileSync(statusFile, 'utf8') : '';
      const stanza = /^Package: (.+)\nVersion: (.+)\nStatus: \S+ \S+ (\S+)$/gm;
      return [...text.matchAll(stanza)].map(([, name, version, state]) =>
        state === 'installed' ? `${name} ${version}` : `${name} ${version} ${state}`,
      );
    },
    /** The process that waits at `haltAt`; undefined: none yet. */
    halted(): number | undefined {
      const file = `${settings}.reached`;
      return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined;
    },
    go: () => writeFileSync(`${settings}.go`, ''),
    read: (path: string) => readFileSync(join(root, path), 'utf8'),
    isThere: (path: string) => existsSync(join(root, path)),
  };
}
