// The inventory, filtered to the packages that servers can read. Omitted packages are logged once.
import { label } from '../core/decision-helpers.ts';
import { shortened } from '../sanitize.ts';
import type { PackageId } from '../core/model.ts';
import type { Log } from '../host/ports.ts';
import type { Installers } from '../install/installer.ts';

const logCharactersMax = 200;

/**
 * Each listing starts programs, and each peer can request listings, so one runs at a time. A
 * request during a listing gets the next one, because the running one may miss recent changes.
 */
export function withOneListing(installers: Installers): Installers {
  type Listing = ReturnType<Installers['list']>;
  let running: Listing | undefined;
  let next: Listing | undefined;

  function list(): Listing {
    if (running !== undefined) return (next ??= running.then(begin, begin));
    return begin();
  }

  function begin(): Listing {
    next = undefined;
    const begun = installers.list();
    running = begun;
    const end = () => {
      if (running === begun) running = undefined;
    };
    begun.then(end, end);
    return begun;
  }

  return { ...installers, list };
}

/** Splits an inventory into the packages that the server can read, and the rest. */
export type InventoryFilter = (packages: readonly PackageId[]) => {
  readonly reported: readonly PackageId[];
  readonly omitted: readonly PackageId[];
};

export function withReadableList(
  installers: Installers,
  log: Log,
  filter: InventoryFilter,
): Installers {
  let lastOmitted = '';
  async function list() {
    const listed = await installers.list();
    if (!listed.ok) return listed;
    const { reported, omitted } = filter(listed.packages);
    const names = shortened(omitted.map(label).join(', '), logCharactersMax);
    if (omitted.length > 0 && names !== lastOmitted) {
      log('warn', 'inventory-filtered', { count: omitted.length, packages: names });
    }
    lastOmitted = names;
    return { ok: true, packages: reported } as const;
  }
  return { ...installers, list };
}
