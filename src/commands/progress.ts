// What `watch` shows, as lines: bars, rates, time left. Pure; time is given.
import { chunkBytes } from '../limits.ts';
import { plain, shortened } from '../sanitize.ts';
import { bytes, duration, label, percent, portion, soon } from './format.ts';
import type { PackageId } from '../core/model.ts';
import type { PackageStatus, Status } from '../core/status.ts';

export type Rates = {
  note(status: Status, nowMs: number): void;
  /** Bytes a second of late; undefined before there is anything to go by. */
  of(id: PackageId, nowMs: number): number | undefined;
};

type Sample = { readonly atMs: number; readonly chunksHeld: number };

/** Long enough to be steady over bursts, short enough to follow a link. */
const rateWindowMs = 10_000;
const rateSpanMsMin = 1_000;

const keyOf = (id: PackageId) => JSON.stringify([id.name, id.version]);

export function createRates(): Rates {
  let samples: ReadonlyMap<string, readonly Sample[]> = new Map();
  return {
    note(status, nowMs) {
      const noted = status.packages.map((one): [string, readonly Sample[]] => {
        const before = samples.get(keyOf(one.id)) ?? [];
        const now = { atMs: nowMs, chunksHeld: one.chunksHeld };
        // Chunks that were lost begin a new story.
        const isLess = one.chunksHeld < (before.at(-1)?.chunksHeld ?? 0);
        return [keyOf(one.id), isLess ? [now] : [...within(before, nowMs), now]];
      });
      // Packages that are gone are forgotten with their samples.
      samples = new Map(noted);
    },
    of(id, nowMs) {
      const [first, ...rest] = within(samples.get(keyOf(id)) ?? [], nowMs);
      const spanMs = first === undefined ? 0 : nowMs - first.atMs;
      if (first === undefined || spanMs < rateSpanMsMin) return undefined;
      const chunks = (rest.at(-1) ?? first).chunksHeld - first.chunksHeld;
      return (chunks * chunkBytes * 1_000) / spanMs;
    },
  };
}

/** The samples of the window, and the last one before it, which is what holds at its beginning. */
function within(samples: readonly Sample[], nowMs: number): readonly Sample[] {
  const start = samples.findIndex(({ atMs }) => atMs > nowMs - rateWindowMs);
  const from = start < 0 ? samples.length : start;
  return samples.slice(Math.max(0, from - 1));
}

export function watchLines(
  status: Status,
  rates: Rates,
  nowMs: number,
  columns: number,
): readonly string[] {
  const { link } = status;
  const head = link.detail === '' ? `link ${link.kind}` : `link ${link.kind}: ${link.detail}`;
  const lines = [
    plain(head),
    ...status.packages.map((one) => packageLine(one, rates.of(one.id, nowMs), columns)),
    ...(status.packages.length === 0 ? ['nothing to do; waiting for the server'] : []),
    ...(status.storageError === undefined ? [] : [plain(`trouble: ${status.storageError}`)]),
  ];
  return lines.map((line) => shortened(line, columns));
}

/** Kept free behind the bar, so that it does not change its width with the words. */
const tailWidth = 44;

export function packageLine(one: PackageStatus, rate: number | undefined, columns: number): string {
  const head = shortened(label(one.id), Math.max(12, Math.floor(columns / 3)));
  const share = shareOf(one);
  if (share === undefined) {
    return `${head}  ${one.phase}: ${plain(one.waitsFor)}${soon(one.nextInMs)}`;
  }
  const tail = one.phase === 'receiving' ? receiving(one, rate) : one.phase;
  const taken = head.length + Math.max(tail.length, tailWidth) + '  []  100 %  '.length;
  const room = columns - taken;
  return `${head}  ${bar(share, Math.min(room, 40))}${String(share).padStart(3)} %  ${tail}`;
}

/** Percent of what is measured in this phase; undefined where nothing is. */
function shareOf(one: PackageStatus): number | undefined {
  switch (one.phase) {
    case 'receiving':
      return one.chunksCount === 0 ? undefined : percent(one.chunksHeld, one.chunksCount);
    case 'installing':
      return one.installPercent;
    default:
      return undefined;
  }
}

function receiving(one: PackageStatus, rate: number | undefined): string {
  const held = one.chunksHeld * chunkBytes;
  const whole = one.chunksCount * chunkBytes;
  const size = portion(held, whole);
  if (held >= whole) return `${size}  ${plain(one.waitsFor)}`;
  if (rate === undefined) return size;
  const left = rate > 0 ? `${duration(((whole - held) / rate) * 1_000)} left` : 'stands still';
  return `${size}  ${bytes(Math.round(rate))}/s  ${left}`;
}

function bar(share: number, width: number): string {
  if (width < 5) return '';
  const done = Math.round((Math.min(100, share) / 100) * width);
  return `[${'#'.repeat(done)}${'-'.repeat(width - done)}] `;
}

/** A status of a while ago, with its timers run down since. */
export function aged(status: Status, elapsedMs: number): Status {
  const packages = status.packages.map((one) => {
    return { ...one, nextInMs: one.nextInMs === undefined ? undefined : one.nextInMs - elapsedMs };
  });
  return { ...status, packages };
}
