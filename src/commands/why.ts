// `why`: prints what each package waits for, its next step and timer, and what was recovered.
import { label } from '../core/decision-helpers.ts';
import { plain, shortened } from '../sanitize.ts';
import { learnedLines } from './server-profile.ts';
import { exitCodes } from './ports.ts';
import { requestStatus } from './daemon-client.ts';
import { headLines, nextText, progressText } from './status.ts';
import { soon } from './format.ts';
import type { PackageId } from '../core/model.ts';
import type { HistoryStatus, PackageStatus, ReportStatus, Status } from '../core/status.ts';
import type { Act } from './ports.ts';

export const why: Act = async (ports, { settings, words }) => {
  const reached = await requestStatus(ports, settings, 'why');
  if (!reached.ok) return reached.exitCode;
  const [name] = words;
  const lines = name === undefined ? whyAll(reached.value) : whyOne(reached.value, name);
  if (lines.length > 0) {
    ports.terminal.out(`${lines.map(plain).join('\n')}\n`);
    return exitCodes.done;
  }
  const known = [...new Set(reached.value.packages.map(({ id }) => id.name))].join(', ');
  const hint = known === '' ? 'there are no packages' : shortened(`the packages are ${known}`, 400);
  ports.terminal.err(`${plain(`no package has the name ${name ?? ''}: ${hint}`)}\n`);
  return exitCodes.failed;
};

export function whyAll(status: Status): readonly string[] {
  const { packages, reports, recovered } = status;
  return [
    ...headLines(status),
    '',
    ...packages.flatMap((one) => packageLines(one)),
    ...reports.flatMap((one) => reportLines(one)),
    ...(packages.length + reports.length > 0
      ? []
      : ['Nothing to do: no package is offered, in progress or unreported.']),
    ...spaced(learnedLines(status)),
    ...recoveredLines(recovered),
  ];
}

const spaced = (lines: readonly string[]) => (lines.length === 0 ? [] : ['', ...lines]);

/** Returns the lines of all versions of a package; empty if there are none. */
export function whyOne(status: Status, name: string): readonly string[] {
  const isIt = ({ id }: { readonly id: PackageId }) => id.name === name;
  const [packages, reports] = [status.packages.filter(isIt), status.reports.filter(isIt)];
  const history = status.history.filter(isIt);
  const begins = [...packages, ...reports, ...history].map(({ id }) => `${label(id)}: `);
  const recovered = status.recovered.filter((one) => begins.some((begin) => one.startsWith(begin)));
  return [
    ...packages.flatMap((one) => packageLines(one)),
    ...reports.flatMap((one) => reportLines(one)),
    ...history.flatMap((one) => historyLines(one)),
    ...recoveredLines(recovered),
  ];
}

function recoveredLines(sentences: readonly string[]): readonly string[] {
  if (sentences.length === 0) return [];
  return [
    '',
    'Recovered after the last power loss:',
    ...sentences.map((sentence) => `  ${sentence}`),
  ];
}

function packageLines(one: PackageStatus): readonly string[] {
  const progress = progressText(one);
  return [
    `${label(one.id)}: ${one.phase}${progress === '' ? '' : `, ${progress}`}`,
    ...(one.update === undefined ? [] : [`  description: ${one.update.description}`]),
    ...(one.server === undefined ? [] : [`  server: ${one.server}`]),
    `  waits for: ${one.waitsFor}`,
    `  next: ${nextText(one)}${one.nextInMs === undefined ? ' (no timer)' : ''}`,
  ];
}

function reportLines({ id, status, description, attempts, nextInMs }: ReportStatus) {
  const outcome = status ? 'installed' : 'failed';
  return [
    `${label(id)}: report not confirmed (${outcome}: ${description})`,
    `  sent ${attempts} times; next: sent again${soon(nextInMs)}, until the server confirms it`,
  ];
}

function historyLines({ id, outcome, attempts, description }: HistoryStatus): readonly string[] {
  const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  return [`${label(id)}: ${outcome} after ${tries}${description === '' ? '' : `: ${description}`}`];
}
