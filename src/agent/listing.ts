// The list of installed packages, as far as servers can read it. What is left out is said once.
import { label } from '../core/decision.ts';
import { readable } from '../protocol/packages.ts';
import { shortened } from '../text.ts';
import type { Log } from '../host/ports.ts';
import type { Installers } from '../install/installer.ts';

const logCharactersMax = 200;

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
      log('warn', 'packages-left-out', { count: left.length, packages: names });
    }
    said = names;
    return { ok: true, packages: told } as const;
  }
  return { ...installers, list };
}
