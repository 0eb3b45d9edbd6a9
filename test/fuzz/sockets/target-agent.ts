// The built agent with an honest transfer in the middle of an attack: the measurements during the
// attack, and the invariants after it.
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { isStatus } from '../../../src/control/protocol.ts';
import { packageOf } from '../../backend/package.ts';
import { createVehicle } from '../../support/vehicle.ts';
import { idOf, targetName } from '../session.ts';
import { afterIdle, idleMsMax, pause } from '../../support/idle.ts';
import type { BackendOptions } from '../../backend/backend.ts';
import type { DialectName } from '../../backend/dialects.ts';
import type { ServerPackage } from '../../backend/package.ts';
import type { Toml } from '../../support/agent.ts';
import type { Vehicle } from '../../support/vehicle.ts';

export type Bounds = {
  /** Maximum of the process since its start. */
  readonly rssMib: number;
  readonly files: number;
};

export type Seen = { rssMib: number; filesMost: number; statusMs: number; chunksBeside: number };

export type Guarded = {
  readonly vehicle: Vehicle;
  readonly one: ServerPackage;
  readonly seen: Seen;
  readonly socket: string;
  /**
   * Starts to measure; returns the function that ends it. Open files are counted relative to the
   * number at the start.
   */
  watch(bounds: Bounds): () => Promise<void>;
  /**
   * Resolves when the transfer is finished and installed correctly, and the attack left nothing.
   */
  prove(): Promise<void>;
};

/** Delay of each chunk, so that the transfer lasts as long as the attack. */
const chunkDelayMs = 300;

export async function createGuarded(
  transport: 'http' | 'ws',
  dialect: DialectName,
  rvi: Toml,
): Promise<Guarded> {
  let isSlow = true;
  const fault: BackendOptions['fault'] = ({ direction, service }) =>
    isSlow && direction === 'out' && service.endsWith('/chunk')
      ? { kind: 'delay', delayMs: chunkDelayMs }
      : { kind: 'pass' };
  const vehicle = await createVehicle({ transport, dialect, secondMs: 100, fault, rvi });
  const { directory, backend } = vehicle;
  const socket = join(directory, 'control.sock');
  const data = randomBytes(100 * 65_536 + 77);
  const one = packageOf(idOf(dialect, targetName), data);
  const seen: Seen = { rssMib: 0, filesMost: 0, statusMs: 0, chunksBeside: 0 };
  const held = () => backend.server.log.filter(({ service }) => service === '/sota/ack').length;

  function watch({ rssMib, files }: Bounds): () => Promise<void> {
    const { pid } = vehicle.agent();
    const before = filesOf(pid);
    const acksBefore = held();
    let isOver = false;
    const measure = async () => {
      while (!isOver) {
        seen.filesMost = Math.max(seen.filesMost, filesOf(pid) - before);
        if (seen.filesMost > files) throw new Error(`${seen.filesMost} more files are open`);
        seen.rssMib = Math.max(seen.rssMib, rssOf(pid));
        if (seen.rssMib > rssMib) throw new Error(`RSS was ${seen.rssMib} MiB`);
        await pause(50);
      }
    };
    const ask = async () => {
      while (!isOver) {
        const startedMs = performance.now();
        await answered(socket);
        seen.statusMs = Math.max(seen.statusMs, performance.now() - startedMs);
        await pause(100);
      }
    };
    // The two run independently, so that a slow response does not delay the measurement.
    const working = Promise.all([measure(), ask()]);
    working.catch(() => undefined);
    return async () => {
      isOver = true;
      await working;
      seen.chunksBeside += held() - acksBefore;
    };
  }

  async function prove(): Promise<void> {
    isSlow = false;
    await vehicle.reported(one);
    if (!vehicle.installed(one.id).equals(data)) throw new Error('the target has other bytes');
    if (!isStatus(await vehicle.status())) throw new Error('a status that its reader refuses');
    const code = await vehicle.agent().kill();
    if (code !== 0) throw new Error(`it ended with ${code}`);
    const bad = /^\S+ error (fatal-error|watchdog-stalled) .*/m.exec(vehicle.logs());
    if (bad !== null) throw new Error(bad[0]);
    const strange = treeOf(directory).filter((path) => !expected.test(path));
    if (strange.length > 0) throw new Error(`not in the storage: ${strange.join(' ')}`);
  }

  return { vehicle, one, seen, socket, watch, prove };
}

/** The configuration, the storage, and the files of the installer of the tests. */
const expected = new RegExp(
  '^(config\\.toml|control\\.sock|runs|installed-[^/]+|' +
    'state/(lock|journal|delivery-path|packages(/\\d+.*)?))$',
);

function treeOf(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true })
    .map(String)
    .filter((path) => path !== 'state');
}

export function filesOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    throw new Error('the agent is gone');
  }
}

function rssOf(pid: number): number {
  const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1] ?? 0) / 1_024;
}

/** Resolves after any response, also "busy". */
function answered(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write('{"command":"status"}\n'));
    const cancel = afterIdle(idleMsMax, () => {
      reject(new Error('nothing moves, and there is no status'));
      socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('data', () => socket.destroy());
    socket.on('close', () => {
      cancel();
      resolve();
    });
  });
}
