// The lines that `watch` prints: bars, rates, remaining time. Pure; the caller passes the time.
import { chunkBytes } from '../limits.ts';
import { plain, shortened } from '../sanitize.ts';
import { bytes, duration, label, percent, portion, soon } from './format.ts';
import type { PackageId } from '../core/model.ts';
import type { PackageStatus, Status } from '../core/status.ts';

export type Rates = {
  note(status: Status, nowMs: number): void;
  /** Returns the recent rate in bytes a second; undefined before there are enough samples. */
  of(id: PackageId, nowMs: number): number | undefined;
};

type Sample = { readonly atMs: number; readonly chunksHeld: number };

/** Long enough to smooth bursts, short enough to follow changes of the connection. */
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
        // If chunks were lost, the rate is measured again from here.
        const isLess = one.chunksHeld < (before.at(-1)?.chunksHeld ?? 0);
        return [keyOf(one.id), isLess ? [now] : [...within(before, nowMs), now]];
      });
      // Removes the samples of packages that have ended.
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

/** Returns the samples of the window, and the last one before it as the value at its start. */
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
    ...(status.packages.length === 0 ? ['no packages; waiting for the server'] : []),
    ...(status.storageError === undefined ? [] : [plain(`storage: ${status.storageError}`)]),
  ];
  return lines.map((line) => shortened(line, columns));
}

/** Reserved after the bar, so that the bar keeps its width when the text changes. */
const tailWidth = 44;

export function packageLine(one: PackageStatus, rate: number | undefined, columns: number): string {
  const head = shortened(label(one.id), Math.max(12, Math.floor(columns / 3)));
  const share = shareOf(one);
  if (share === undefined) {
    return `${head}  ${one.phase}: ${plain(one.waitsFor)}${soon(one.nextInMs)}`;
  }
  const tail = one.phase === 'receiving' ? receiving(one, rate) : one.phase;
  const taken = head.length + Math.max(tail.length, tailWidth) + '  []  100 %  '.length;
  const free = columns - taken;
  return `${head}  ${bar(share, Math.min(free, 40))}${String(share).padStart(3)} %  ${tail}`;
}

/** Returns the percentage of the phase; undefined if the phase has none. */
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
  const left = rate > 0 ? `${duration(((whole - held) / rate) * 1_000)} left` : 'stalled';
  return `${size}  ${bytes(Math.round(rate))}/s  ${left}`;
}

function bar(share: number, width: number): string {
  if (width < 5) return '';
  const done = Math.round((Math.min(100, share) / 100) * width);
  return `[${'#'.repeat(done)}${'-'.repeat(width - done)}] `;
}

/** Returns an older status with its timers reduced by the elapsed time. */
export function withElapsed(status: Status, elapsedMs: number): Status {
  const packages = status.packages.map((one) => {
    return { ...one, nextInMs: one.nextInMs === undefined ? undefined : one.nextInMs - elapsedMs };
  });
  return { ...status, packages };
}
