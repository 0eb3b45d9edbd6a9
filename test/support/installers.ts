// The opkg installer as the agent uses it, on a device with the fake opkg.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { readSettings } from '../../src/config.ts';
import { createDisk } from '../../src/host/disk.ts';
import { createRunner } from '../../src/host/runner.ts';
import { createClock } from '../../src/host/time.ts';
import { createOpkg } from '../../src/install/opkg/installer.ts';
import { runHere } from './opkg.ts';
import type { Disk, Runner, RunRequest, RunResult } from '../../src/host/ports.ts';
import type { InstallRequest } from '../../src/install/installer.ts';
import type { AgentSettings } from '../../src/install/installers.ts';
import type { IpkSpec } from './ipk.ts';
import type { OpkgDevice } from './opkg.ts';

export const other: IpkSpec = {
  package: 'busybox',
  version: '1.36',
  files: { 'bin/busybox': 'b' },
};

export const old: IpkSpec = {
  package: 'hello',
  version: '1.0',
  files: { 'usr/bin/hello': 'old', 'usr/share/hello/gone': 'old' },
};

export const target: IpkSpec = {
  package: 'hello',
  version: '1.1',
  files: {
    'usr/bin/hello': 'new hello',
    'usr/share/hello/a': 'a'.repeat(1_000),
    [`usr/share/hello/${'long'.repeat(30)}`]: 'l',
    'etc/hello.conf': 'x = 1\n',
  },
  links: { 'usr/bin/hi': 'hello' },
  conffiles: ['etc/hello.conf'],
};

/** The default settings of opkg. */
export const opkgSettings = {
  program: 'opkg',
  args: [],
  statusFile: '',
  timeoutMs: 60_000,
  workDirectory: '',
};

export function defaults(): AgentSettings {
  const read = readSettings({ file: '', text: undefined, environment: {} });
  if (!read.ok) throw new Error('the defaults are good');
  const { installer } = read.settings;
  const enabled = ['opkg', 'swupdate', 'command'] as const;
  return { ...read.settings, installer: { ...installer, enabled } };
}

/**
 * The real runner with two exceptions. The fake opkg runs in this process unless it halts. `sync`
 * does nothing, because it would write back the data of the whole machine.
 */
export function quickRunner(calls: RunRequest[] = []): Runner {
  const run = createRunner();
  return async (request) => {
    calls.push(request);
    if (request.program === 'sync') return { kind: 'exited', exitCode: 0, stdout: '', stderr: '' };
    const isHere = isFakeOpkg(request) && !willHalt(request);
    return isHere ? runInHere(request) : run(request);
  };
}

const isFakeOpkg = ({ program, args }: RunRequest) =>
  program === process.execPath && args[1] === '--fake';
const willHalt = ({ args }: RunRequest) => readFileSync(args[2] ?? '', 'utf8').includes('haltAt');

function runInHere({ args, environment, outputBytesMax, onOutput }: RunRequest): RunResult {
  const { status, signal, stdout, stderr } = runHere(args.slice(1), environment);
  // Only the real runner shortens an output.
  if (stdout.length + stderr.length > outputBytesMax) throw new Error('a long output of opkg');
  onOutput?.(stdout);
  onOutput?.(stderr);
  return signal === null
    ? { kind: 'exited', exitCode: status ?? 0, stdout, stderr }
    : { kind: 'killed', signal, stdout, stderr };
}

/** The real disk; records the order in which data becomes durable. */
export function recordingDisk(synced: string[]): Disk {
  const disk = createDisk();
  return {
    ...disk,
    open: async (path, mode) => {
      const opened = await disk.open(path, mode);
      if (!opened.ok) return opened;
      const file = opened.value;
      const sync = () => (synced.push(path), file.sync());
      return { ok: true, value: { ...file, sync } };
    },
    syncDirectory: (path) => (synced.push(`${path}/`), disk.syncDirectory(path)),
  };
}

type Change = {
  readonly disk?: Disk;
  readonly timeoutMs?: number;
  readonly statusFile?: string;
  readonly runner?: Runner;
};

export function installerOn(
  { program, args }: Pick<OpkgDevice, 'program' | 'args'>,
  change: Change = {},
) {
  const { timeoutMs = 60_000, statusFile = '', runner = quickRunner() } = change;
  const { disk = createDisk() } = change;
  const settings = { ...opkgSettings, timeoutMs, program, args, statusFile };
  return createOpkg({ disk, runner, clock: createClock() }, settings);
}

/** Writes a verified payload into a separate folder, like the store. */
export function requestIn(directory: string, data: Uint8Array): InstallRequest {
  const workDirectory = join(directory, 'work');
  mkdirSync(workDirectory, { recursive: true });
  const path = join(workDirectory, 'data');
  writeFileSync(path, data);
  const id = { name: 'anything', version: '9' };
  const rest = { workDirectory, update: undefined, onProgress: () => undefined };
  return { id, path, sizeBytes: data.length, ...rest };
}

/** Installs like the agent: prepare, then run with the result. */
export async function installOn(
  device: OpkgDevice,
  directory: string,
  data: Uint8Array,
  timeoutMs = 60_000,
) {
  const installer = installerOn(device, { timeoutMs });
  const request = requestIn(directory, data);
  const prepared = await installer.prepare(request);
  if (!prepared.ok) throw new Error(prepared.reason);
  const verdict = await installer.run(request, prepared.before);
  const text = verdict.kind === 'busy' ? verdict.reason : verdict.description;
  return { installer, request, before: prepared.before, verdict, text };
}
