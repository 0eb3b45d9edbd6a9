// Any program of the integrator's: the payload in the environment, the outcome in the exit code.
// Nothing can be asked afterwards, so a cut attempt is simply run again, within `attempts`.
import { aboutOf, environment } from './environment.ts';
import { isRunning, markOf, outlast } from './running-installer.ts';
import { isPassing } from './patient.ts';
import { tailOf } from './describe-result.ts';
import { outputBytesMax } from '../limits.ts';
import type { Settings } from '../core/settings.ts';
import type { Clock, Disk, Runner } from '../host/ports.ts';
import type { Installer, InstallRequest, Probe, Verdict } from './installer.ts';

const rebootNeededCode = 10;
const unasked = 'a command cannot be asked what is true';

type Ports = { readonly disk: Disk; readonly runner: Runner; readonly clock: Clock };

export function createCommand(ports: Ports, settings: Settings['installer']): Installer {
  const { disk, runner } = ports;
  const { program, args } = settings.command;

  async function run(request: InstallRequest): Promise<Verdict> {
    const { path } = request;
    if (await isRunning(disk, { path, program })) {
      return { kind: 'busy', reason: `${program} of an earlier attempt still runs` };
    }
    const result = await runner({
      program,
      args,
      environment: {
        ...environment,
        ...markOf(path),
        ...aboutOf(request),
      },
      timeLimitMs: settings.timeoutMs,
      outputBytesMax,
    });
    if (isPassing(result)) return { kind: 'busy', reason: tailOf(program, result) };
    if (result.kind === 'exited' && result.exitCode === 0) {
      return { kind: 'installed', description: `${program} exited with 0; ${unasked}` };
    }
    if (result.kind === 'exited' && result.exitCode === rebootNeededCode) {
      return { kind: 'reboot-required', description: `${program} wants a reboot` };
    }
    return { kind: 'failed', code: 'install-failed', description: tailOf(program, result) };
  }

  async function probe({ path }: InstallRequest): Promise<Probe> {
    await outlast(ports, { path, program }, settings.timeoutMs);
    return { kind: 'unknown', description: unasked };
  }

  return {
    name: 'command',
    prepare: () =>
      Promise.resolve(
        program === ''
          ? { ok: false, code: 'install-failed', reason: '[installer.command] program is not set' }
          : { ok: true, before: '{}' },
      ),
    run,
    probe,
    list: () => Promise.resolve({ ok: true, packages: [] }),
  };
}
