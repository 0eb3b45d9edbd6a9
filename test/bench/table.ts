// Prints the figures of a run as tables, and each target next to its result.
import type { Usage } from './proc.ts';
import type { Resume } from './resume.ts';

/** Peaks of the same Node without any work. */
export type Idle = { readonly idleMib: number; readonly idleAnonMib: number };

export type Row = {
  readonly name: string;
  /** The name of the row that its CPU is compared with. */
  readonly floor: string;
  readonly usages: readonly Usage[];
  readonly syncsPerMib?: number;
};

const aims = { cpu: 1.5, aboveIdleMib: 16, resume: 1.5 } as const;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1] ?? NaN, sorted[sorted.length >> 1] ?? NaN];
  return (low + high) / 2;
}

const of = ({ usages }: Row, key: keyof Usage) => median(usages.map((usage) => usage[key]));

/** Median of the ratios of each round, because both sides of a round had the same machine load. */
function cpuRatio(rows: readonly Row[], row: Row): number {
  const floor = rows.find(({ name }) => name === row.floor);
  return median(row.usages.map((usage, at) => usage.cpuS / (floor?.usages[at]?.cpuS ?? NaN)));
}

export function showRows(
  rows: readonly Row[],
  { mib, rounds, idleMib, idleAnonMib }: Idle & { mib: number; rounds: number },
): string {
  const head = ['', 'MiB/s', 'CPU s', 'x floor', 'RSS', '- idle', 'anon', 'syncs', 'written'];
  const lines = rows.map((row) => [
    row.name,
    (mib / of(row, 'wallS')).toFixed(0),
    of(row, 'cpuS').toFixed(2),
    cpuRatio(rows, row).toFixed(2),
    of(row, 'peakRssMib').toFixed(0),
    (of(row, 'peakRssMib') - idleMib).toFixed(0),
    of(row, 'peakAnonMib').toFixed(0),
    (row.syncsPerMib ?? NaN).toFixed(1),
    (of(row, 'writtenBytes') / (mib * 1_048_576)).toFixed(3),
  ]);
  const idle = `idle Node: ${idleMib.toFixed(0)}, anon ${idleAnonMib.toFixed(0)}`;
  const what = `${mib} MiB, medians of ${rounds}; peaks in MiB; ${idle}`;
  return `\n${what}; syncs a MiB; bytes written a byte\n\n${align([head, ...lines])}`;
}

export function showResumes(resumes: readonly Resume[], idleMib: number): string {
  const head = ['from exec to the first ack', 'ms', 'x empty', 'RSS to get there', '- idle'];
  const lines = resumes.map((one) => [
    `${one.heldCount} chunks held`,
    median(one.ackMs).toFixed(0),
    resumeRatio(resumes, one).toFixed(2),
    one.usage.peakRssMib.toFixed(0),
    (one.usage.peakRssMib - idleMib).toFixed(0),
  ]);
  return `\n${align([head, ...lines])}`;
}

function resumeRatio([empty]: readonly Resume[], one: Resume): number {
  return median(one.ackMs.map((ms, at) => ms / (empty?.ackMs[at] ?? NaN)));
}

export function showVerdicts(
  rows: readonly Row[],
  resumes: readonly Resume[],
  { idleMib, idleAnonMib }: Idle,
): string {
  const ours = rows.filter(({ name }) => name.startsWith('agent'));
  const verdict = (name: string, what: string, value: number, aim: number, digits: number) => {
    const isMet = value <= aim;
    return `${isMet ? 'met   ' : 'missed'}  ${name}: ${what} ${value.toFixed(digits)}, aim ${aim}`;
  };
  return [
    '',
    ...ours.map((row) => verdict(row.name, 'CPU x floor', cpuRatio(rows, row), aims.cpu, 2)),
    ...ours.map((row) => {
      const aboveMib = of(row, 'peakRssMib') - idleMib;
      return verdict(row.name, 'peak RSS above idle, MiB', aboveMib, aims.aboveIdleMib, 0);
    }),
    ...ours.map((row) => {
      const aboveMib = of(row, 'peakAnonMib') - idleAnonMib;
      return verdict(row.name, 'peak anon above idle, MiB', aboveMib, aims.aboveIdleMib, 0);
    }),
    ...resumes.slice(1).map((one) => {
      const ratio = resumeRatio(resumes, one);
      return verdict(`${one.heldCount} chunks held`, 'first ack x empty', ratio, aims.resume, 2);
    }),
  ].join('\n');
}

function align(rows: readonly (readonly string[])[]): string {
  const width = (at: number) => Math.max(...rows.map((row) => row[at]?.length ?? 0));
  const widths = (rows[0] ?? []).map((_, at) => width(at));
  const cell = (text: string, at: number) =>
    at === 0 ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0);
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}
