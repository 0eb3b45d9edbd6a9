// Determines the enabled installers, and checks the keys of [installer]. The sender of a package
// chooses its format, and thereby the installer. So an installer that verifies no signatures is
// enabled next to one that does only if the operator lists both.
import { installerKinds, installerNames } from '../install/installers.ts';
import { error, warning } from './findings.ts';
import { sectionKey, sectionKeys, valueOf } from './installer-sections.ts';
import type { AgentSettings, InstallerName } from '../install/installers.ts';
import type { Finding } from './findings.ts';

type Installer = AgentSettings['installer'];
type IsGiven = (key: string) => boolean;

const enabledKey = 'installer.enabled';

/** The installers that verify signatures. */
const verifying = installerKinds.flatMap(({ name, unsigned }) => (unsigned ? [] : [name]));
const isVerifying = (name: InstallerName) => verifying.some((one) => one === name);

/**
 * Returns `installer.enabled` as written, else what the other keys imply: the installers that have
 * a key of their own, or that `installer.default` or a rule names. If the sender has a choice,
 * those that verify signatures are then enabled alone.
 */
export function enabledInstallers(
  { installer }: AgentSettings,
  given: readonly string[],
): readonly InstallerName[] {
  if (given.includes(enabledKey)) return installer.enabled;
  const configured = installerNames.filter((name) => isConfigured(installer, given, name));
  const signed = configured.filter(isVerifying);
  return signed.length > 0 && hasChoice(installer) ? signed : configured;
}

/** The sender chooses the format and the name of a package. */
function hasChoice({ default: standard, rules }: Installer): boolean {
  return standard === 'auto' || rules.length > 0;
}

function isConfigured(installer: Installer, given: readonly string[], name: InstallerName) {
  return isNamed(installer, name) || given.some((key) => key.startsWith(`installer.${name}.`));
}

function isNamed({ default: standard, rules }: Installer, name: InstallerName): boolean {
  return standard === name || rules.some(({ installer }) => installer === name);
}

export function installers({ installer }: AgentSettings, isGiven: IsGiven): readonly Finding[] {
  const problems = installerKinds.flatMap((kind) =>
    kind.check(installer, installer.enabled.includes(kind.name)).map((one): Finding => {
      const { severity, key, problem, hint } = one;
      return { severity, key: sectionKey(kind.name, key), problem, hint };
    }),
  );
  return [
    ...choiceErrors(installer, isGiven),
    ...missingKeys(installer),
    ...problems,
    ...weaknesses(installer),
    ...(isGiven(enabledKey) ? [] : ignoredSections(installer, isGiven)),
  ];
}

function choiceErrors(installer: Installer, isGiven: IsGiven): readonly Finding[] {
  const { enabled, default: standard, rules } = installer;
  const list = isGiven(enabledKey)
    ? `which ${enabledKey} does not list`
    : `which is not enabled: ${enabledKey} is not set, and ${verifying.join(', ')} is configured`;
  const unlisted = (key: string, name: InstallerName) =>
    error(key, `names the installer "${name}", ${list}`, `add "${name}" to ${enabledKey}`);
  const found: Finding[] = [];
  if (standard !== 'auto' && !enabled.includes(standard)) {
    found.push(unlisted('installer.default', standard));
  }
  const rule = rules.find(({ installer }) => !enabled.includes(installer));
  if (rule !== undefined) found.push(unlisted('installer.rules', rule.installer));
  return found;
}

/** An installer without a key that it requires: an error at each key that names the installer. */
function missingKeys(installer: Installer): readonly Finding[] {
  return sectionKeys.flatMap((one) => {
    const { key, name, property, setting } = one;
    const isRequired = setting.type === 'program' && setting.isRequired === true;
    if (!isRequired || valueOf(installer, one) !== '') return [];
    const hint = `set ${key}`;
    const problem = `names the installer "${name}", which has no ${property}`;
    const found: Finding[] = [];
    if (installer.default === name) found.push(error('installer.default', problem, hint));
    if (installer.rules.some(({ installer }) => installer === name)) {
      found.push(error('installer.rules', problem, hint));
    }
    for (const other of sectionKeys) {
      const value = other.name === name ? valueOf(installer, other) : undefined;
      if (!Array.isArray(value) || value.length === 0) continue;
      found.push(error(other.key, `is set without a ${property}`, hint));
    }
    const isOnlyListed = found.length === 0 && installer.enabled.includes(name);
    return isOnlyListed ? [error(enabledKey, problem, hint)] : found;
  });
}

/** One warning for each choice that is weaker than the default. */
function weaknesses(installer: Installer): readonly Finding[] {
  const { enabled } = installer;
  if (enabled.length === 0) {
    const problem = 'lists no installer: every package is reported as failed';
    const names = installerNames.map((name) => `"${name}"`).join(', ');
    return [warning(enabledKey, problem, `write ${enabledKey} = [...] with some of ${names}`)];
  }
  const found = installerKinds.flatMap(({ name, unsigned }) => {
    if (unsigned === undefined || !enabled.includes(name)) return [];
    return [warning(enabledKey, unsigned.problem, unsigned.hint)];
  });
  const others = enabled.filter((name) => !isVerifying(name)).join(' and ');
  const signed = enabled.filter(isVerifying).join(' and ');
  if (others === '' || signed === '' || !hasChoice(installer)) return found;
  const problem =
    `lists ${others}, which checks no signature, next to ${signed}: ` +
    'the sender of a package chooses the installer by its format or name';
  const hint = `remove ${others} if only signed updates may be installed`;
  return [...found, warning(enabledKey, problem, hint)];
}

/** Sections that have no effect because `installer.enabled` is not set. */
function ignoredSections({ enabled }: Installer, isGiven: IsGiven): readonly Finding[] {
  const signed = verifying.join(', ');
  return installerKinds.flatMap(({ name }) => {
    const key = sectionKeys.find((one) => one.name === name && isGiven(one.key))?.key;
    if (enabled.includes(name) || key === undefined) return [];
    const problem = `has no effect: next to ${signed}, "${name}" must be listed in ${enabledKey}`;
    return [warning(key, problem, `remove it, or add "${name}" to ${enabledKey}`)];
  });
}
