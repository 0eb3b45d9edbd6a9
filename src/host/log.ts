// One line per event: `level code key=value`, or JSON. Values come from peers, so they are
// quoted; events come in floods, so each code has a bucket of lines, and what does not fit is
// counted instead.
import { logLinesMax, logValueCharactersMax, logWindowMs } from '../limits.ts';
import { plainJson, quoted, shortened } from '../sanitize.ts';
import type { LogLevel } from '../log-codes.ts';
import type { Clock, LogFields } from './ports.ts';

export type LogOptions = {
  /** Less is not written. */
  readonly level: LogLevel;
  readonly format: 'text' | 'json';
  /** journald reads the priority from `<3>` and has the time itself. */
  readonly prefix: 'none' | 'time' | 'journald';
  /** Takes one line with its end; false: it was dropped, since nobody reads. */
  readonly write: (line: string) => boolean;
  /** Calls `act` when lines are taken again after some were dropped. */
  readonly onTaken: (act: () => void) => void;
};

const ranks: { readonly [level in LogLevel]: number } = { debug: 0, info: 1, warn: 2, error: 3 };
/** As in syslog. */
const priorities: { readonly [level in LogLevel]: number } = {
  debug: 7,
  info: 6,
  warn: 4,
  error: 3,
};

/** One window of one code; there are as many codes as log lines in the source. */
type Bucket = {
  readonly level: LogLevel;
  readonly untilMs: number;
  readonly lines: number;
  readonly hidden: number;
};

/** Any code, so that a test can use its own. */
type AnyLog = (level: LogLevel, code: string, fields?: LogFields) => void;

export function createLog(clock: Clock, options: LogOptions): AnyLog {
  const buckets = new Map<string, Bucket>();
  let dropped = 0;

  const write = (level: LogLevel, code: string, fields: LogFields, rest = '') => {
    const isTaken = options.write(`${render(options, clock, level, code, fields)}${rest}\n`);
    if (!isTaken) dropped += 1;
  };
  /** Tells what was hidden. By the next event of any code: a timer would keep us from ending. */
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
    // Who asks for debug lines wants to see them all.
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
    const cut = typeof value === 'string' ? shortened(value, logValueCharactersMax) : value;
    return [`${plainJson(JSON.stringify(key))}:${plainJson(JSON.stringify(cut))}`];
  });
  return `{${pairs.join(',')}}`;
}
