// Which installer a payload is for: the configured rules by name, else the format. Pure. Only
// enabled installers are selected: the device has no software for the others.
import type { InstallerSettings } from '../settings.ts';

export type Selected =
  | { readonly ok: true; readonly name: string }
  | { readonly ok: false; readonly reason: string };

/** As in `InstallerKind`. */
type Kind = { readonly name: string; readonly format: string | undefined };

/** Returns the installer that the configuration names; undefined: the format decides. */
export function selectByRule(
  { rules, default: standard }: Pick<InstallerSettings, 'rules' | 'default'>,
  packageName: string,
): string | undefined {
  const rule = rules.find(({ name }) => isMatch([...name], [...packageName]));
  return rule?.installer ?? (standard === 'auto' ? undefined : standard);
}

/** `recognised`: the kinds, in the order of the list, that take the format of the payload. */
export function selectByFormat(
  kinds: readonly Kind[],
  enabled: readonly string[],
  recognised: readonly Kind[],
): Selected {
  const kind = recognised.find(({ name }) => enabled.includes(name));
  if (kind !== undefined) return { ok: true, name: kind.name };
  return { ok: false, reason: refusal(kinds, enabled, recognised) };
}

const key = 'installer.enabled';

function refusal(
  kinds: readonly Kind[],
  enabled: readonly string[],
  recognised: readonly Kind[],
): string {
  if (enabled.length === 0) return `no installer is enabled on this device: ${key} is empty`;
  const specific = recognised.find(({ format }) => format !== undefined);
  if (specific !== undefined) {
    return `the payload is ${specific.format}, and ${key} does not list "${specific.name}"`;
  }
  const formats = kinds.flatMap(({ format }) => format ?? []).join(' nor ');
  const general = kinds.find(({ format }) => format === undefined);
  const missing = `${key} does not list "${general?.name}" for other formats`;
  return `the payload is neither ${formats}, and ${missing}`;
}

/**
 * Returns true if the pattern matches the name: `*` and `?` only, every other character is itself.
 * A RegExp would backtrack: the server chooses the name, and with several `*` a name of dashes
 * takes hours. Here only the last `*` is extended; what an earlier one matched need not change.
 */
function isMatch(pattern: readonly string[], name: readonly string[]): boolean {
  let [at, star, starAt] = [0, -1, 0];
  for (let index = 0; index < name.length; ) {
    if (pattern[at] === '*') {
      star = at;
      starAt = index;
      at += 1;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[index])) {
      at += 1;
      index += 1;
    } else if (star >= 0) {
      at = star + 1;
      starAt += 1;
      index = starAt;
    } else {
      return false;
    }
  }
  return pattern.slice(at).every((one) => one === '*');
}
