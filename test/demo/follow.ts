// Draws the bar of `sota-agent watch`, from the same socket and with the same code.
import { createRates, packageLine } from '../../src/commands/progress.ts';
import { percent } from '../../src/commands/format.ts';
import { openRequest } from '../../src/control/client.ts';
import { createLocalSockets } from '../../src/host/sockets.ts';
import { createClock } from '../../src/host/time.ts';
import type { PackageStatus } from '../../src/core/status.ts';
import type { Screen } from './screen.ts';

/** Draws until the agent ends or the returned function is called. */
export function follow(socket: string, screen: Screen): () => void {
  const clock = createClock();
  const rates = createRates();
  const ports = { sockets: createLocalSockets(), clock };
  const talk = openRequest(ports, socket, { command: 'watch' }, (came) => {
    if (!came.ok || !('status' in came)) return;
    const nowMs = clock.nowMs();
    rates.note(came.status, nowMs);
    const one = came.status.packages.find(isMeasured);
    if (one === undefined) return screen.bar('', 0);
    // The screen has a margin of 9 columns before the bar.
    const text = packageLine(one, rates.of(one.id, nowMs), screen.columns() - 9);
    return screen.bar(text, tenthOf(one));
  });
  return () => {
    talk.stop();
    screen.keepBar();
  };
}

function isMeasured({ phase, chunksCount, installPercent }: PackageStatus): boolean {
  if (phase === 'installing') return installPercent !== undefined;
  return phase === 'receiving' && chunksCount > 0;
}

function tenthOf({ phase, chunksHeld, chunksCount, installPercent }: PackageStatus): number {
  if (phase === 'installing') return 100 + Math.floor((installPercent ?? 0) / 10);
  return Math.floor(percent(chunksHeld, chunksCount) / 10);
}
