// Follows a plan at the disk: decides which writes are held, and freezes the disk at the moment of
// the power loss, so that no later write is applied.
import type { Content } from './content.ts';
import type { VolatileDisk } from './disk.ts';
import type { Change } from './nbd.ts';
import type { Hold, Plan } from './plan.ts';

export type Watch = {
  /** Both for `serveNbd`. */
  readonly isHeld: (data: Buffer) => boolean;
  readonly changed: (kind: Change) => void;
  aim(plan: Plan): void;
  isHit(): boolean;
  /** Counts nothing until the next `aim`. */
  rest(): void;
};

export function createWatch(disk: VolatileDisk, contentOf: (data: Buffer) => Content): Watch {
  let plan: Plan | undefined;
  let flushes = 0;
  let writes = 0;
  let flushesHeld = 0;
  let isHit = false;
  let toHold = new Set<Content>();
  let isHolding = false;
  let timer: NodeJS.Timeout | undefined;

  function rest(): void {
    clearTimeout(timer);
    plan = undefined;
    isHit = false;
  }

  function aim(next: Plan): void {
    rest();
    plan = next;
    flushes = 0;
    writes = 0;
    flushesHeld = 0;
    isHolding = false;
    toHold = new Set(next.moment.kind === 'hold' ? next.moment.contents : []);
  }

  function hit(): void {
    disk.freeze();
    rest();
    isHit = true;
  }

  function isHeld(data: Buffer): boolean {
    return plan !== undefined && flushes >= plan.flushes && toHold.delete(contentOf(data));
  }

  function changed(kind: Change): void {
    if (plan === undefined) return;
    const { moment } = plan;
    const isBefore = flushes < plan.flushes;
    if (kind === 'flush') flushes += 1;
    if (moment.kind === 'later' && kind === 'flush' && flushes === plan.flushes) {
      timer = setTimeout(hit, moment.delayMs);
    }
    if (isBefore) return;
    if (moment.kind === 'write' && kind === 'write') {
      writes += 1;
      if (writes === moment.count) hit();
    }
    if (moment.kind === 'hold') changedInHold(moment, kind);
  }

  function changedInHold(hold: Hold, kind: Change): void {
    if (kind === 'hold') isHolding = true;
    if (!isHolding) return;
    if (kind === 'flush') flushesHeld += 1;
    if (flushesHeld >= hold.flushes) return hit();
    clearTimeout(timer);
    timer = setTimeout(hit, hold.quietMs);
  }

  return { isHeld, changed, aim, isHit: () => isHit, rest };
}
