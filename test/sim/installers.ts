// The device's software, and the installers that change it. Installed software is durable by
// itself, like a package database; an interruption of an install leaves it half done.
import { createHash } from 'node:crypto';
import { find } from './disk.ts';
import { never } from './gate.ts';
import { readFile } from './flash.ts';
import type { InstallResult } from '../../src/core/events.ts';
import type { PackageId } from '../../src/core/model.ts';
import type {
  Installer,
  Installers,
  InstallRequest,
  Listing,
} from '../../src/install/installer.ts';
import type { Breath } from './clock.ts';
import type { DirectoryNode } from './flash.ts';
import type { Gate } from './gate.ts';

/** The behaviour of the installer in a journey. */
export type Manner = {
  readonly verdict: 'installed' | 'failed' | 'reboot-required';
  /** The result of the probe after an interruption: the truth, or unknown. */
  readonly probe: 'truth' | 'unknown';
  /** The result of `health_check` after the boot. */
  readonly health: boolean;
  /** How many times the installer is busy first. */
  readonly busy: number;
  /** How many times `[reboot] allow` denies first. */
  readonly denials: number;
  /** Changes before the last one that leave the software half done. */
  readonly steps: number;
};

export const willing: Manner = {
  verdict: 'installed',
  probe: 'truth',
  health: true,
  busy: 0,
  denials: 0,
  steps: 1,
};

export type Software = {
  /** The real state of the device, by `name version`. */
  readonly truth: Map<string, 'half' | 'installed'>;
  /** Each start of an installer, in order. */
  readonly starts: Start[];
  busyLeft: number;
  denialsLeft: number;
  /** SHA-1 of the installed bytes. */
  readonly sha1s: Map<string, string>;
};

export type Start = {
  readonly key: string;
  /** SHA-1 of the bytes that the installer got. */
  readonly sha1: string;
  readonly life: number;
  /** True if the same bytes were installed before and still are. */
  readonly wasInstalled: boolean;
};

export type InstallersOptions = {
  readonly software: Software;
  readonly manner: Manner;
  readonly root: DirectoryNode;
  readonly gate: Gate;
  readonly life: Breath & { readonly number: number };
  readonly onStart: (start: Start) => void;
  /** The device reboots with another boot id. */
  readonly onReboot: () => void;
  /** The name of the installer in this configuration. */
  readonly name: 'opkg' | 'command';
};

export const wordOf = ({ name, version }: PackageId) => `${name} ${version}`;

export function createInstallers(options: InstallersOptions): Installers {
  const { software, manner, root, gate, life } = options;

  /** One step of an installer changes the device: it can be interrupted like any write. */
  function change(key: string, state: 'half' | 'installed'): Promise<void> {
    const perform = () => void software.truth.set(key, state);
    return gate.pass(life, { verb: 'install', path: key }, perform, perform);
  }

  async function run({ id, path, sizeBytes, onProgress }: InstallRequest): Promise<InstallResult> {
    if (!life.isAlive()) return never();
    if (software.busyLeft > 0) {
      software.busyLeft -= 1;
      return { kind: 'busy', reason: 'somebody else installs' };
    }
    const key = wordOf(id);
    const file = find(root, path);
    const bytes = file?.kind === 'file' ? readFile(file.current, 0, sizeBytes + 1) : undefined;
    const sha1 = createHash('sha1')
      .update(bytes ?? 'no file')
      .digest('hex');
    const isThere = software.truth.get(key) === 'installed' && software.sha1s.get(key) === sha1;
    const start = { key, sha1, life: life.number, wasInstalled: isThere };
    software.starts.push(start);
    options.onStart(start);
    if (manner.verdict === 'failed') {
      await gate.pass(
        life,
        { verb: 'install', path: key },
        () => undefined,
        () => undefined,
      );
      return { kind: 'failed', code: 'install-failed', description: 'simulated failure' };
    }
    software.sha1s.set(key, sha1);
    for (let step = 0; step < manner.steps; step++) {
      await change(key, 'half');
      onProgress(50, 'half');
    }
    await change(key, 'installed');
    return { kind: manner.verdict, description: 'simulated install' };
  }

  const list = (): Promise<Listing> =>
    Promise.resolve({ ok: true, packages: installedIn(software) });

  const installer: Installer = {
    name: options.name,
    prepare: () => Promise.resolve({ ok: true, before: '{"was":"here"}' }),
    run,
    probe: ({ id }) => {
      if (manner.probe === 'unknown') {
        return Promise.resolve({ kind: 'unknown', description: 'cannot be asked' });
      }
      const isThere = software.truth.get(wordOf(id)) === 'installed';
      const kind = isThere && manner.verdict === 'installed' ? 'installed' : 'not-installed';
      return Promise.resolve({ kind, description: `probed: ${kind}` });
    },
    list,
  };

  return {
    choose: () => Promise.resolve({ ok: true, installer }),
    named: (name) => (name === installer.name ? installer : undefined),
    list,
    reboot: () => {
      if (software.denialsLeft > 0) {
        software.denialsLeft -= 1;
        return Promise.resolve({ kind: 'denied', description: 'the car drives' });
      }
      options.onReboot();
      return Promise.resolve({ kind: 'started', description: 'going down' });
    },
    check: () =>
      Promise.resolve({ ok: manner.health, description: `health is ${String(manner.health)}` }),
  };
}

export function installedIn({ truth }: Software): readonly PackageId[] {
  return [...truth].flatMap(([key, state]) => {
    const [name = '', version = ''] = key.split(' ');
    return state === 'installed' ? [{ name, version }] : [];
  });
}
