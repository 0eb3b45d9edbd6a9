// Writes one line per event: `level code key=value`, or JSON. Values may come from peers, so they
// are quoted. Each code has a rate limit; lines over the limit are counted instead.
import { logLinesMax, logValueCharactersMax, logWindowMs } from '../limits.ts';
import { plainJson, quoted, shortened } from '../sanitize.ts';
import type { LogLevel } from '../log-codes.ts';
import type { Clock, LogFields } from './ports.ts';

export type LogOptions = {
  /** The minimum level that is written. */
  readonly level: LogLevel;
  readonly format: 'text' | 'json';
  /** journald reads the priority from `<3>` and adds the time. */
  readonly prefix: 'none' | 'time' | 'journald';
  /** Writes one line with its line end; false: the line was dropped, because the reader is slow. */
  readonly write: (line: string) => boolean;
  /** Calls `act` when lines are written again after some were dropped. */
  readonly onTaken: (act: () => void) => void;
};

const ranks: { readonly [level in LogLevel]: number } = { debug: 0, info: 1, warn: 2, error: 3 };
/** The priorities of syslog. */
const priorities: { readonly [level in LogLevel]: number } = {
  debug: 7,
  info: 6,
  warn: 4,
  error: 3,
};

/** The rate limit of one code in one window. The number of codes is fixed. */
type Bucket = {
  readonly level: LogLevel;
  readonly untilMs: number;
  readonly lines: number;
  readonly hidden: number;
};

/** Accepts any code, so that a test can use its own. */
type AnyLog = (level: LogLevel, code: string, fields?: LogFields) => void;

export function createLog(clock: Clock, options: LogOptions): AnyLog {
  const buckets = new Map<string, Bucket>();
  let dropped = 0;

  const write = (level: LogLevel, code: string, fields: LogFields, rest = '') => {
    const isTaken = options.write(`${render(options, clock, level, code, fields)}${rest}\n`);
    if (!isTaken) dropped += 1;
  };
  /** Logs the hidden lines at the next event; a timer would keep the process alive. */
  const sweep = (nowMs: number) => {
    for (const [code, { level, untilMs, hidden }] of buckets) {
      if (untilMs > nowMs) continue;
      buckets.delete(code);
      if (hidden === 0) continue;
      if (options.format === 'json') write(level, code, { more: hidden });
      else write(level, code, {}, ` … ${hidden} more like this`);
    }
  };
  const log: AnyLog = (level, code, fields = {}) => {
    const nowMs = clock.nowMs();
    sweep(nowMs);
    if (ranks[level] < ranks[options.level]) return;
    // Debug lines have no rate limit.
    if (level === 'debug') return write(level, code, fields);
    const untilMs = nowMs + logWindowMs;
    const bucket = buckets.get(code) ?? { level, untilMs, lines: 0, hidden: 0 };
    const isFull = bucket.lines >= logLinesMax;
    if (isFull) buckets.set(code, { ...bucket, hidden: bucket.hidden + 1 });
    else {
      buckets.set(code, { ...bucket, lines: bucket.lines + 1 });
      write(level, code, fields);
    }
  };
  options.onTaken(() => {
    const lines = dropped;
    dropped = 0;
    log('warn', 'log-dropped', { lines });
  });
  return log;
}

function render(
  { format, prefix }: LogOptions,
  clock: Clock,
  level: LogLevel,
  code: string,
  fields: LogFields,
): string {
  const time = prefix === 'time' ? new Date(clock.wallMs()).toISOString() : undefined;
  const head = prefix === 'journald' ? `<${priorities[level]}>` : '';
  if (format === 'json') return head + toJson({ time, level, event: code, ...fields });
  const pairs = Object.entries(fields).flatMap(([key, value]) => {
    return value === undefined ? [] : [`${key}=${valueText(value)}`];
  });
  return head + [...(time === undefined ? [] : [time]), level, code, ...pairs].join(' ');
}

function valueText(value: string | number | boolean): string {
  const text = shortened(String(value), logValueCharactersMax);
  return /^[\w.:/@+,-]+$/.test(text) ? text : quoted(text);
}

function toJson(fields: LogFields): string {
  const pairs = Object.entries(fields).flatMap(([key, value]) => {
    if (value === undefined) return [];
    const limited = typeof value === 'string' ? shortened(value, logValueCharactersMax) : value;
    return [`${plainJson(JSON.stringify(key))}:${plainJson(JSON.stringify(limited))}`];
  });
  return `{${pairs.join(',')}}`;
}
