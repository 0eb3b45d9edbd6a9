// The agent of one round: the real receiver, shell, store, log and control server. The clock is
// moved by the test and the disk is in memory. The round plays the node and the installers.
import { startDaemon } from '../../src/agent/daemon.ts';
import { startControl } from '../../src/control/server.ts';
import { createLog } from '../../src/host/log.ts';
import { messageBytesMax } from '../../src/limits.ts';
import { createMemoryDisk } from '../support/memory-disk.ts';
import { createFakeNode, settingsOf } from '../support/daemon.ts';
import { createFakeClock, createFakeSockets, settle } from '../support/control.ts';
import { must } from '../support/store.ts';
import { prefixOf } from '../backend/dialects.ts';
import { defaultDevice, defaultVin } from '../backend/backend.ts';
import { failingName } from './session.ts';
import type { DialectName } from '../backend/dialects.ts';
import type { Disk } from '../../src/host/ports.ts';
import type { Installer, Installers } from '../../src/install/installer.ts';
import type { Prng } from '../support/prng.ts';
import type { MemoryDisk } from '../support/memory-disk.ts';

export type Rig = Awaited<ReturnType<typeof createRig>>;

export const controlPath = '/c';
/** Enough for small packages; an announced size of 2 GiB is rejected as on a device. */
const freeBytes = 16 * 1_048_576;

/** P2 and P3 differ in how the node names the vehicle. */
export const prefixIn = (dialect: DialectName) => prefixOf(dialect, defaultVin, defaultDevice);

export async function createRig(
  prng: Prng,
  dialect: DialectName,
  disk: MemoryDisk = createMemoryDisk(),
) {
  disk.setFree(freeBytes);
  const node = createFakeNode(prefixIn(dialect));
  const [clock, sockets] = [createFakeClock(1e12), createFakeSockets()];
  const told: { crash: string | undefined } = { crash: undefined };
  const log = createLog(clock, {
    level: 'debug',
    format: prng.chance(0.5) ? 'text' : 'json',
    prefix: 'none',
    write(line) {
      if (isPlain(line)) return true;
      told.crash ??= `a line of the log that is not plain: ${JSON.stringify(line.slice(0, 300))}`;
      return true;
    },
    onTaken: () => undefined,
  });
  const installed = new Map<string, Buffer>();
  const settings = settingsOf(
    `[policy]\nconsent = "${prng.chance(0.8) ? 'automatic' : 'required'}"`,
  );
  const daemon = must(
    await startDaemon({
      clock,
      random: { unit: prng.unit },
      log,
      disk,
      settings,
      transport: node,
      installers: createInstallers(disk, installed),
      bootId: 'boot-1',
      build: { version: '1.0', builtMs: 0 },
    }),
  );
  daemon.ended.catch((error: unknown) => {
    told.crash ??= error instanceof Error ? (error.stack ?? error.message) : String(error);
  });
  const control = must(await startControl({ sockets, clock, log }, controlPath, daemon));
  node.up();
  await settle();

  /** Like the listener: messages that are too large or too frequent do not reach the receiver. */
  function deliver(data: Buffer): string | undefined {
    const { receive, refusal, isFull, answeredId } = node.handlers();
    answeredId(data);
    if (data.length > messageBytesMax) return refusal('too-large');
    return isFull() ? refusal('busy') : receive(data);
  }

  async function end(): Promise<void> {
    await control.close();
    daemon.stop();
    await settle();
  }

  const isAuto = settings.policy.consent === 'automatic';
  return { clock, node, sockets, disk, daemon, told, installed, deliver, end, isAuto };
}

/** Returns false if the line moves the cursor or changes the direction of the text. */
const isPlain = (line: string) =>
  line.indexOf('\n') === line.length - 1 &&
  line.length < 20_000 &&
  !/[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/u.test(line);

/** Records its payloads; the name of a package selects failure, reboot or busy. */
function createInstallers(disk: Disk & MemoryDisk, installed: Map<string, Buffer>): Installers {
  const list = async () => ({ ok: true, packages: [{ name: 'base', version: '1' }] }) as const;
  const installer: Installer = {
    name: 'command',
    prepare: async () => ({ ok: true, before: '{}' }),
    async run({ id, path }) {
      installed.set(id.name, Buffer.from(disk.content(path) ?? []));
      return id.name === failingName
        ? { kind: 'failed', code: 'install-failed', description: id.name }
        : { kind: 'installed', description: '' };
    },
    probe: async () => ({ kind: 'not-installed', description: '' }),
    list,
  };
  return {
    choose: async () => ({ ok: true, installer }),
    named: () => installer,
    list,
    reboot: async () => ({ kind: 'started', description: '' }),
    check: async () => ({ ok: true, description: '' }),
  };
}
