// The state of a package on this device: what opkg lists, and what is on the disk.
import { compareFiles } from './verify-files.ts';
import { filesOf, missingOf, ownedByOthers } from './listed.ts';
import { pathsOf } from './paths.ts';
import type { Disk } from '../../host/ports.ts';
import type { Opkg } from './opkg-cli.ts';
import type { Comparison } from './verify-files.ts';
import type { Control } from './ipk.ts';
import type { OpkgPaths } from './paths.ts';
import type { OpkgSettings } from './settings.ts';

/** `description` is for the report. */
export type Truth = {
  readonly kind:
    | 'installed'
    /** Listed as installed; files differ, and the postinst of the package may be the cause. */
    | 'altered'
    /** Unpacked; its postinst has not succeeded. */
    | 'unpacked'
    | 'not-installed'
    /** Listed as installed, and all files that opkg lists exist; their bytes are unknown. */
    | 'unproven'
    | 'unknown'
    | 'busy';
  readonly description: string;
};

type Compared = Extract<Comparison, { readonly kind: 'compared' }>;
type Look = {
  readonly disk: Disk;
  readonly opkg: Opkg;
  readonly settings: OpkgSettings;
  /** The payload. */
  readonly path: string;
  readonly target: Control;
};

export async function truthOf(look: Look, isSyncNeeded: boolean): Promise<Truth> {
  const { disk, opkg, settings, path, target } = look;
  const found = await opkg.find(target.package);
  const wanted = `${target.package} ${target.version}`;
  if (found.kind === 'busy') return { kind: 'busy', description: found.reason };
  if (found.kind === 'failed') return { kind: 'unknown', description: found.reason };
  if (found.kind === 'unlisted') {
    return { kind: 'not-installed', description: `${target.package} is not installed` };
  }
  const { version, state } = found;
  if (version !== target.version) {
    const description = `${target.package} is ${version} (${state}), not ${target.version}`;
    return { kind: 'not-installed', description };
  }
  const paths = await pathsOf(disk, settings);
  const isDone = state === 'installed' || (state === 'unpacked' && paths.isOffline);
  if (!isDone) {
    const kind = state === 'unpacked' ? 'unpacked' : 'not-installed';
    return { kind, description: `${wanted} is '${state}'` };
  }
  const later = state === 'unpacked' ? ' (its first boot configures it)' : '';
  const is = `${wanted} is ${state}${later}`;
  const compared = await compareFiles(disk, path, paths.root, target.conffiles, isSyncNeeded);
  switch (compared.kind) {
    case 'compared':
      return comparedTruth(look, paths, await ownDifferences(look, paths, compared), is, state);
    case 'opaque':
      return opaqueTruth(look, paths, compared.member, is);
    case 'unreadable':
      return { kind: 'unknown', description: `${is}, but ${compared.reason}` };
  }
}

/** Removes the differences of files that belong to another package. */
async function ownDifferences(look: Look, paths: OpkgPaths, compared: Compared): Promise<Compared> {
  const { differing, first } = compared;
  // Other packages do not explain more than these.
  if (differing === 0 || differing > first.length) return compared;
  const changed = first.map(({ path }) => path);
  const owned = await ownedByOthers(look.disk, paths, look.target.package, changed);
  const own = first.filter(({ path }) => !owned.has(path));
  return { ...compared, differing: own.length, first: own };
}

async function comparedTruth(
  { disk, opkg, settings, target }: Look,
  paths: OpkgPaths,
  { count, what: kind, differing, first }: Compared,
  is: string,
  state: string,
): Promise<Truth> {
  const [one] = first;
  if (one === undefined) {
    return { kind: 'installed', description: `${is}, ${count} files compared` };
  }
  const others = differing === 1 ? '' : `, and ${differing - 1} more`;
  const what = `${paths.root}/${one.path} ${one.problem}${others}`;
  const all = kind === 'files' ? `${count} files` : 'the directories';
  const many = `${differing} of ${all}`;
  const wrong = `${is}, but ${many} are wrong: ${what}`;
  const hasRun = state === 'installed' || settings.args.includes('--force-postinstall');
  if (!target.hasPostinst || !hasRun) return { kind: 'not-installed', description: wrong };
  const listed = await filesOf(disk, opkg, paths, target.package);
  if (listed.length === 0) {
    return { kind: 'not-installed', description: `${wrong}; opkg lists no file of it` };
  }
  const description =
    `${is}, ${count} files compared; ${many} differ, as its postinst may have changed them: ` +
    what;
  return { kind: 'altered', description };
}

async function opaqueTruth(
  { disk, opkg, target }: Look,
  paths: OpkgPaths,
  member: string,
  is: string,
): Promise<Truth> {
  const listed = await filesOf(disk, opkg, paths, target.package);
  if (listed.length === 0) {
    const description = `${is}, but opkg lists no file of it: it cannot read ${member}`;
    return { kind: 'not-installed', description };
  }
  const missing = await missingOf(disk, paths.root, listed);
  const first = `${paths.root}/${missing[0]}`;
  const few = `${missing.length} of the ${listed.length} files that opkg lists are missing`;
  if (missing.length === listed.length || (missing.length > 0 && !target.hasPostinst)) {
    return { kind: 'not-installed', description: `${is}, but ${few}: ${first}` };
  }
  const there =
    missing.length === 0
      ? `the ${listed.length} files that opkg lists are there`
      : `${few}, as its postinst may have removed them: ${first}`;
  return { kind: 'unproven', description: `${is}; ${member} was not compared, ${there}` };
}
