// What is true of a package on this device: what opkg lists, and what is on the disk.
import { compareFiles } from './verify-files.ts';
import { filesOf, missingOf, ownedByOthers } from './listed.ts';
import { placesOf } from './paths.ts';
import type { Settings } from '../../core/settings.ts';
import type { Disk } from '../../host/ports.ts';
import type { Opkg } from './opkg-cli.ts';
import type { Comparison } from './verify-files.ts';
import type { Control } from './ipk.ts';
import type { Places } from './paths.ts';

/** `description` is for the report. */
export type Truth = {
  readonly kind:
    | 'installed'
    /** Listed as installed; files differ, and the package has a postinst that may have done it. */
    | 'altered'
    /** Unpacked, and its postinst has yet to succeed. */
    | 'unpacked'
    | 'not-installed'
    /** Listed as installed, and all files that opkg lists are there; their bytes are not known. */
    | 'unproven'
    | 'unknown'
    | 'busy';
  readonly description: string;
};

type Compared = Extract<Comparison, { readonly kind: 'compared' }>;
type Look = {
  readonly disk: Disk;
  readonly opkg: Opkg;
  readonly settings: Settings['installer'];
  /** The payload. */
  readonly path: string;
  readonly target: Control;
};

export async function truthOf(look: Look, isSyncedApart: boolean): Promise<Truth> {
  const { disk, opkg, settings, path, target } = look;
  const found = await opkg.find(target.package);
  const wanted = `${target.package} ${target.version}`;
  if (found.kind === 'busy') return { kind: 'busy', description: found.reason };
  if (found.kind === 'unanswered') return { kind: 'unknown', description: found.reason };
  if (found.kind === 'unlisted') {
    return { kind: 'not-installed', description: `${target.package} is not installed` };
  }
  const { version, state } = found;
  if (version !== target.version) {
    const description = `${target.package} is ${version} (${state}), not ${target.version}`;
    return { kind: 'not-installed', description };
  }
  const places = await placesOf(disk, settings.opkg);
  const isDone = state === 'installed' || (state === 'unpacked' && places.isOffline);
  if (!isDone) {
    const kind = state === 'unpacked' ? 'unpacked' : 'not-installed';
    return { kind, description: `${wanted} is '${state}'` };
  }
  const later = state === 'unpacked' ? ' (its first boot configures it)' : '';
  const is = `${wanted} is ${state}${later}`;
  const compared = await compareFiles(disk, path, places.root, target.conffiles, isSyncedApart);
  switch (compared.kind) {
    case 'compared':
      return comparedTruth(look, places, await without(look, places, compared), is, state);
    case 'opaque':
      return opaqueTruth(look, places, compared.member, is);
    case 'unreadable':
      return { kind: 'unknown', description: `${is}, but ${compared.reason}` };
  }
}

/** A file that another package took over is that package's own. */
async function without(look: Look, places: Places, compared: Compared): Promise<Compared> {
  const { differing, first } = compared;
  // Of more than these it is not the others who are to blame.
  if (differing === 0 || differing > first.length) return compared;
  const paths = first.map(({ path }) => path);
  const owned = await ownedByOthers(look.disk, places, look.target.package, paths);
  const own = first.filter(({ path }) => !owned.has(path));
  return { ...compared, differing: own.length, first: own };
}

async function comparedTruth(
  { disk, opkg, settings, target }: Look,
  places: Places,
  { count, what: kind, differing, first }: Compared,
  is: string,
  state: string,
): Promise<Truth> {
  const [one] = first;
  if (one === undefined) {
    return { kind: 'installed', description: `${is}, ${count} files compared` };
  }
  const others = differing === 1 ? '' : `, and ${differing - 1} more`;
  const what = `${places.root}/${one.path} ${one.trouble}${others}`;
  const all = kind === 'files' ? `${count} files` : 'the directories';
  const many = `${differing} of ${all}`;
  const wrong = `${is}, but ${many} are wrong: ${what}`;
  const hasRun = state === 'installed' || settings.opkg.args.includes('--force-postinstall');
  if (!target.hasPostinst || !hasRun) return { kind: 'not-installed', description: wrong };
  const listed = await filesOf(disk, opkg, places, target.package);
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
  places: Places,
  member: string,
  is: string,
): Promise<Truth> {
  const listed = await filesOf(disk, opkg, places, target.package);
  if (listed.length === 0) {
    const description = `${is}, but opkg lists no file of it: it cannot read ${member}`;
    return { kind: 'not-installed', description };
  }
  const missing = await missingOf(disk, places.root, listed);
  const first = `${places.root}/${missing[0]}`;
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
