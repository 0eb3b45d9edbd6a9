// The enabled installers. The sender of a package chooses its format, and with the format the
// installer. Therefore an installer that checks no signature must not be enabled next to one that
// does, unless the operator lists both.
import { error, warning } from './findings.ts';
import { forbiddenArgument, hasPublicKey } from './swupdate-args.ts';
import type { Settings } from '../core/settings.ts';
import type { Finding } from './findings.ts';

type Name = Settings['installer']['enabled'][number];
type IsGiven = (key: string) => boolean;

const names: readonly Name[] = ['opkg', 'swupdate', 'command'];
const enabledKey = 'installer.enabled';

/**
 * Returns `installer.enabled` if it is set. Otherwise returns what the other keys imply: the
 * installers with a key of their own, or named by `installer.default` or a rule. If the sender has
 * a choice, only SWUpdate is enabled then, because it can check signatures.
 */
export function enabledInstallers(
  { installer }: Settings,
  given: readonly string[],
): readonly Name[] {
  if (given.includes(enabledKey)) return installer.enabled;
  const configured = names.filter((name) => isConfigured(installer, given, name));
  const isAlone = configured.includes('swupdate') && hasChoice(installer);
  return isAlone ? ['swupdate'] : configured;
}

/** Returns true if format or name, which the sender chooses, select the installer. */
function hasChoice({ default: standard, rules }: Settings['installer']): boolean {
  return standard === 'auto' || rules.length > 0;
}

function isConfigured(
  installer: Settings['installer'],
  given: readonly string[],
  name: Name,
): boolean {
  return (
    installer.default === name ||
    installer.rules.some(({ installer }) => installer === name) ||
    given.some((key) => key.startsWith(`installer.${name}.`))
  );
}

export function installers(settings: Settings, isGiven: IsGiven): readonly Finding[] {
  return [
    ...choiceErrors(settings.installer, isGiven),
    ...commandErrors(settings.installer),
    ...swupdateErrors(settings.installer),
    ...weaknesses(settings.installer, isGiven),
  ];
}

function choiceErrors(installer: Settings['installer'], isGiven: IsGiven): readonly Finding[] {
  const { enabled, default: standard, rules } = installer;
  const list = isGiven(enabledKey)
    ? `which ${enabledKey} does not list`
    : `which is not enabled: ${enabledKey} is not set, and SWUpdate is configured`;
  const unlisted = (key: string, name: Name) =>
    error(key, `names the installer "${name}", ${list}`, `add "${name}" to ${enabledKey}`);
  const found: Finding[] = [];
  if (standard !== 'auto' && !enabled.includes(standard)) {
    found.push(unlisted('installer.default', standard));
  }
  const rule = rules.find(({ installer }) => !enabled.includes(installer));
  if (rule !== undefined) found.push(unlisted('installer.rules', rule.installer));
  return found;
}

function commandErrors(installer: Settings['installer']): readonly Finding[] {
  const { command, default: standard, enabled, rules } = installer;
  if (command.program !== '') return [];
  const problem = 'names the installer "command", which has no program';
  const hint = 'set installer.command.program';
  const found: Finding[] = [];
  if (standard === 'command') found.push(error('installer.default', problem, hint));
  if (rules.some(({ installer }) => installer === 'command')) {
    found.push(error('installer.rules', problem, hint));
  }
  if (command.args.length > 0) {
    found.push(error('installer.command.args', 'is set without a program', hint));
  }
  if (found.length === 0 && enabled.includes('command')) {
    found.push(error(enabledKey, problem, hint));
  }
  return found;
}

function swupdateErrors({ swupdate }: Settings['installer']): readonly Finding[] {
  const found = forbiddenArgument(swupdate.args);
  if (found === undefined) return [];
  return [error('installer.swupdate.args', `has ${found.argument}: ${found.problem}`, 'remove it')];
}

/** Returns a warning for each choice that is weaker than the default. */
function weaknesses(installer: Settings['installer'], isGiven: IsGiven): readonly Finding[] {
  const { enabled, swupdate } = installer;
  if (enabled.length === 0) {
    const problem = 'lists no installer: every package is reported as failed';
    return [warning(enabledKey, problem, `write ${enabledKey} = ["opkg"], ["swupdate"] or both`)];
  }
  const found: Finding[] = [];
  const weak = (problem: string, hint: string) => found.push(warning(enabledKey, problem, hint));
  if (enabled.includes('opkg')) {
    const problem = "lists opkg: the signature of an .ipk is not checked, only the server's SHA-1";
    weak(problem, 'use SWUpdate with signed images if others can send packages');
  }
  if (enabled.includes('command')) {
    const problem = 'lists command: the agent checks no signature before it runs your program';
    weak(problem, 'check the signature in your program');
  }
  if (enabled.includes('swupdate') && !hasPublicKey(swupdate.args)) {
    const key = 'installer.swupdate.args';
    const problem =
      'has no public key (-k): signatures are checked only if the SWUpdate daemon has one, ' +
      'or if SWUpdate is built to require one';
    found.push(warning(key, problem, `write ${key} = ["-k", "/etc/swupdate/public.pem"]`));
  }
  const unsigned = enabled.filter((name) => name !== 'swupdate');
  if (enabled.includes('swupdate') && unsigned.length > 0 && hasChoice(installer)) {
    const others = unsigned.join(' and ');
    const problem =
      `lists ${others}, which checks no signature, next to swupdate: ` +
      'the sender of a package chooses the installer by its format or name';
    weak(problem, `remove ${others} if only signed updates may be installed`);
  }
  return [...found, ...ignoredSections(installer, isGiven)];
}

/** If the list is written, its author knows what is not on it. */
function ignoredSections({ enabled }: Settings['installer'], isGiven: IsGiven): readonly Finding[] {
  if (isGiven(enabledKey)) return [];
  return names.flatMap((name) => {
    const key = [
      'program',
      'args',
      'status_file',
      'versions_file',
      'verify_command',
      'sockets',
      'reboot',
    ]
      .map((one) => `installer.${name}.${one}`)
      .find(isGiven);
    if (enabled.includes(name) || key === undefined) return [];
    const problem = `has no effect: next to SWUpdate, "${name}" must be listed in ${enabledKey}`;
    return [warning(key, problem, `remove it, or add "${name}" to ${enabledKey}`)];
  });
}
