// The SWUpdate installer on the real ports, in a folder of the test: a device with its certificate,
// its target and its versions file.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDisk } from '../../../../src/host/disk.ts';
import { createRunner } from '../../../../src/host/runner.ts';
import { createLocalSockets } from '../../../../src/host/sockets.ts';
import { createClock } from '../../../../src/host/time.ts';
import { createSwupdate } from '../../../../src/install/swupdate/installer.ts';
import { makeKeys, makeSwu } from '../../../support/swu.ts';
import { swupdateArgs } from '../../../support/swupdate.ts';
import type { Runner, RunRequest } from '../../../../src/host/ports.ts';
import type { Installer, InstallRequest } from '../../../../src/install/installer.ts';
import type { SwupdateSettings } from '../../../../src/install/swupdate/settings.ts';
import type { Keys, Swu, SwuFile } from '../../../support/swu.ts';

export type Bench = {
  readonly directory: string;
  /** The folder of the daemon's sockets, where the installer searches. */
  readonly sockets: string;
  readonly keys: Keys;
  readonly target: string;
  readonly versions: string;
  readonly progress: (readonly [percent: number, text: string])[];
  readonly ran: RunRequest[];
  readonly logged: string[];
  installer(given?: Partial<SwupdateSettings>): Installer;
  /** A file of the package, for DIRECTORY/target/NAME. */
  file(data: Uint8Array, more?: Partial<SwuFile>): SwuFile;
  swu(swu: Partial<Swu>, keys?: Keys): string;
  request(path: string): InstallRequest;
  installed(): string | undefined;
  remove(): void;
};

export type Stand = (request: RunRequest) => ReturnType<Runner> | undefined;

/** `stand` answers for programs that this machine does not have. */
export function createBench(stand?: Stand): Bench {
  const directory = mkdtempSync(join(tmpdir(), 'swu-'));
  const keys = makeKeys(join(directory, 'keys'));
  const [target, versions] = [join(directory, 'target/app'), join(directory, 'sw-versions')];
  const progress: (readonly [number, string])[] = [];
  const ran: RunRequest[] = [];
  const logged: string[] = [];
  const runner = createRunner();
  let made = 0;

  const ports = {
    disk: createDisk(),
    sockets: createLocalSockets(),
    clock: createClock(),
    runner: (request: RunRequest) => {
      ran.push(request);
      return stand?.(request) ?? runner(request);
    },
    log: (_: string, code: string) => void logged.push(code),
    environment: {},
  };
  const swupdate: SwupdateSettings = {
    program: 'swupdate',
    args: swupdateArgs(keys.certificate),
    versionsFile: versions,
    verifyCommand: [],
    sockets: join(directory, 'sockets'),
    reboot: false,
    timeoutMs: 60_000,
    workDirectory: '',
  };
  const installer = (given?: Partial<SwupdateSettings>) =>
    createSwupdate(ports, { ...swupdate, ...given });

  return {
    directory,
    sockets: swupdate.sockets,
    keys,
    target,
    versions,
    progress,
    ran,
    logged,
    installer,
    file: (data, more = {}) => ({ name: 'app', data, path: target, ...more }),
    swu: (swu, signer = keys) => {
      const folder = join(directory, `package-${++made}`);
      return makeSwu(folder, signer, { version: '1.2.3', files: [], ...swu });
    },
    request: (path) => {
      const workDirectory = join(directory, 'work');
      mkdirSync(workDirectory, { recursive: true });
      return {
        id: { name: 'app', version: '1.2.3' },
        update: undefined,
        path,
        sizeBytes: statSync(path).size,
        isTriedBefore: false,
        workDirectory,
        onProgress: (percent, text) => progress.push([percent, text]),
      };
    },
    installed: () => {
      try {
        return readFileSync(target, 'latin1');
      } catch {
        return undefined;
      }
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Writes a payload with this content. */
export function writePayload(bench: Bench, data: Uint8Array): string {
  const path = join(bench.directory, 'payload.swu');
  writeFileSync(path, data);
  return path;
}
