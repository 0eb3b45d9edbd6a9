// The list of installed packages, as far as servers can read it. What is left out is said once.
import { label } from '../core/decision-helpers.ts';
import { readable } from '../backends/rvi/codec/inventory-filter.ts';
import { shortened } from '../sanitize.ts';
import type { Log } from '../host/ports.ts';
import type { Installers } from '../install/installer.ts';

const logCharactersMax = 200;

/**
 * Each list starts programs, and anybody who delivers may ask for lists: one runs at a time. Who
 * asks meanwhile gets the next one, as the one under way may have passed what changed since.
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

export function withReadableList(
  installers: Installers,
  log: Log,
  wanted: 'all' | 'strict',
): Installers {
  let said = '';
  async function list() {
    const listed = await installers.list();
    if (!listed.ok) return listed;
    const { told, left } = readable(listed.packages, wanted);
    const names = shortened(left.map(label).join(', '), logCharactersMax);
    if (left.length > 0 && names !== said) {
      log('warn', 'inventory-filtered', { count: left.length, packages: names });
    }
    said = names;
    return { ok: true, packages: told } as const;
  }
  return { ...installers, list };
}
