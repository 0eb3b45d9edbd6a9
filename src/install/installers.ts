// All installers of this device, and the reboot that one of them may ask for.
import { outputBytesMax, rebootAllowTimeMs } from '../limits.ts';
import { choose } from './select-installer.ts';
import { createCommand } from './command.ts';
import { environment } from './environment.ts';
import { createOpkg } from './opkg/opkg.ts';
import { isPassingCode, patiently, patientRunner } from './patient.ts';
import { createSwupdate } from './swupdate/swupdate.ts';
import { lastLineOf, tailOf } from './describe-result.ts';
import type { PackageId } from '../core/model.ts';
import type { Settings } from '../core/settings.ts';
import type { Installer, InstallerName, Installers, InstallPorts, Listing } from './installer.ts';

/** A reboot takes the agent along; the command only has to be started. */
const rebootTimeMs = 60_000;

export function createInstallers(given: InstallPorts, settings: Settings): Installers {
  const ports = { ...given, runner: patientRunner(given) };
  const { disk, runner } = ports;
  const makers: readonly (readonly [InstallerName, () => Installer])[] = [
    ['opkg', () => createOpkg(ports, settings.installer)],
    ['swupdate', () => createSwupdate(ports, settings.installer)],
    ['command', () => createCommand(ports, settings.installer)],
  ];
  const { enabled } = settings.installer;
  const all = makers.filter(([name]) => enabled.includes(name)).map(([, make]) => make());
  const named = (name: string) => all.find((one) => one.name === name);

  async function run(program: string, args: readonly string[], timeLimitMs: number) {
    const result = await runner({ program, args, environment, timeLimitMs, outputBytesMax });
    const ok = result.kind === 'exited' && result.exitCode === 0;
    return { ok, description: tailOf(program, result) };
  }

  /** Why the device must not reboot now: the last line that the program printed. */
  async function denial(): Promise<string | undefined> {
    const [program, ...args] = settings.reboot.allow;
    if (program === undefined) return undefined;
    const timeLimitMs = rebootAllowTimeMs;
    const result = await runner({ program, args, environment, timeLimitMs, outputBytesMax });
    if (result.kind === 'exited' && result.exitCode === 0) return undefined;
    return lastLineOf(program, result);
  }

  async function list(): Promise<Listing> {
    const packages: PackageId[] = [];
    for (const one of all) {
      const listed = await one.list();
      if (listed.ok === false) return { ok: false, reason: `${one.name}: ${listed.reason}` };
      if (listed.ok === true) packages.push(...listed.packages);
      else
        ports.log('debug', 'installer-not-found', { installer: one.name, reason: listed.reason });
    }
    return { ok: true, packages };
  }

  return {
    choose: async (id, file) => {
      const chosen = await patiently(
        ports.clock,
        () => choose(disk, settings.installer, id, file),
        (one) => !one.ok && one.code !== undefined && isPassingCode(one.code),
      );
      if (!chosen.ok) return chosen;
      const installer = named(chosen.name);
      return installer === undefined
        ? { ok: false, reason: `no installer '${chosen.name}'` }
        : { ok: true, installer };
    },
    named,
    list,
    reboot: async () => {
      const denied = await denial();
      if (denied !== undefined) return { kind: 'denied', description: denied };
      const { program, args } = settings.reboot;
      const { ok, description } = await run(program, args, rebootTimeMs);
      return { kind: ok ? 'started' : 'failed', description };
    },
    check: async () => {
      const [program, ...args] = settings.reboot.healthCheck;
      if (program === undefined) return { ok: true, description: 'rebooted; no check configured' };
      return run(program, args, settings.installer.timeoutMs);
    },
  };
}
