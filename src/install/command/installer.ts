// Any program of the integrator: the payload is in its environment, the outcome in its exit code.
// It cannot be probed, so an interrupted attempt runs again, up to the limit of attempts.
import { createRun, isSuccess, isTransient, packageVariables, resultSummary } from '../program.ts';
import { isRunning, payloadVariable, waitForEnd } from '../running-installer.ts';
import type { InstallResult, Installer, InstallerKind, InstallPorts } from '../installer.ts';
import type { InstallRequest, OwnSettings, Probe } from '../installer.ts';
import type { SettingsTable } from '../settings-table.ts';

const settings = {
  program: {
    type: 'program',
    default: '',
    isRequired: true,
    description: 'Your own installer.',
  },
  args: {
    type: 'arguments',
    default: [],
    sample: '["--file"]',
    description: 'Its arguments.',
  },
} as const satisfies SettingsTable;

export const command: InstallerKind<'command', typeof settings> = {
  name: 'command',
  format: undefined,
  recognises: () => Promise.resolve(true),
  settings,
  unsigned: {
    problem: 'lists command: the agent checks no signature before it runs your program',
    hint: 'check the signature in your program',
  },
  check: () => [],
  create: (ports, { command: own, ...shared }) => createCommand(ports, { ...shared, ...own }),
};

type Ports = Pick<InstallPorts, 'disk' | 'runner' | 'clock'>;

const rebootRequiredCode = 10;
const unprobed = 'a command cannot be probed';

export function createCommand(
  ports: Ports,
  { program, args, timeoutMs }: OwnSettings<typeof settings>,
): Installer {
  const call = createRun(ports.runner);

  async function run(request: InstallRequest): Promise<InstallResult> {
    const { path } = request;
    if (await isRunning(ports.disk, { path, program })) {
      return { kind: 'busy', reason: `${program} of an earlier attempt still runs` };
    }
    const result = await call({
      program,
      args,
      environment: { ...payloadVariable(path), ...packageVariables(request) },
      timeLimitMs: timeoutMs,
    });
    if (isTransient(result)) return { kind: 'busy', reason: resultSummary(program, result) };
    if (isSuccess(result)) {
      return { kind: 'installed', description: `${program} exited with 0; ${unprobed}` };
    }
    if (result.kind === 'exited' && result.exitCode === rebootRequiredCode) {
      return { kind: 'reboot-required', description: `${program} requires a reboot` };
    }
    return { kind: 'failed', code: 'install-failed', description: resultSummary(program, result) };
  }

  async function probe({ path }: InstallRequest): Promise<Probe> {
    await waitForEnd(ports, { path, program }, timeoutMs);
    return { kind: 'unknown', description: unprobed };
  }

  return {
    name: 'command',
    prepare: () =>
      Promise.resolve(
        program === ''
          ? { ok: false, code: 'install-failed', reason: 'installer.command.program is not set' }
          : { ok: true, before: '{}' },
      ),
    run,
    probe,
    list: () => Promise.resolve({ ok: true, packages: [] }),
  };
}
