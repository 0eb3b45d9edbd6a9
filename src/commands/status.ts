// `status`: prints an overview; `--json` prints the same data for scripts.
import { chunkBytes } from '../limits.ts';
import { plain, plainJson, shortened } from '../sanitize.ts';
import { exitCodes } from './ports.ts';
import { requestStatus } from './daemon-client.ts';
import { bytes, duration, percent, soon, table } from './format.ts';
import type { PackageStatus, Status, UpdateStatus } from '../core/status.ts';
import type { Act } from './ports.ts';

export const status: Act = async (ports, { settings, json }) => {
  const reached = await requestStatus(ports, settings, 'status');
  if (!reached.ok) return reached.exitCode;
  const lines = json ? jsonLines(reached.value) : statusLines(reached.value);
  ports.terminal.out(`${lines.join('\n')}\n`);
  return exitCodes.done;
};

/** Escapes each line by itself, so that the line ends stay. */
function jsonLines(value: Status): readonly string[] {
  return JSON.stringify(value, null, 2).split('\n').map(plainJson);
}

export function statusLines(value: Status): readonly string[] {
  return [
    ...headLines(value),
    ...block('packages', value.packages.map(packageRow)),
    ...block(
      'reports to confirm',
      value.reports.map(({ id, status: isGood, description, attempts, nextInMs }) => [
        id.name,
        id.version,
        isGood ? 'installed' : 'failed',
        `sent ${attempts} times${soon(nextInMs)}`,
        description,
      ]),
    ),
    ...block(
      'history',
      value.history.map(({ id, outcome, attempts, description }) => [
        id.name,
        id.version,
        outcome,
        attempts === 1 ? '1 attempt' : `${attempts} attempts`,
        description,
      ]),
    ),
    ...block(
      'recovered after the last power loss',
      value.recovered.map((sentence) => [sentence]),
    ),
  ];
}

/** The source of the status comes first. */
export function headLines({
  agent,
  vehicle,
  link,
  backend,
  storageError,
}: Status): readonly string[] {
  const { afterStart, resume, ack } = backend.learned;
  const learned = [
    ...(afterStart === undefined ? [] : [`after a start: ${afterStart}`]),
    ...(resume === undefined ? [] : [`to resume: ${resume}`]),
    ...(ack === undefined ? [] : [`each ack: ${ack}`]),
  ];
  const rows = [
    [
      'agent',
      agent.source === 'daemon'
        ? `${agent.version}, up ${duration(agent.uptimeMs)}`
        : `${agent.version}; the daemon is not running, this is its state on flash`,
    ],
    ['vehicle', vehicle.vin ?? vehicle.uuid ?? 'unknown until the node returns it'],
    ['link', link.detail === '' ? link.kind : `${link.kind}: ${link.detail}`],
    [
      'backend',
      `${backend.services.start} (from ${backend.servicesFrom})` +
        (backend.messages === undefined ? '' : `, messages ${backend.messages}`),
    ],
    ...(learned.length === 0 ? [] : [['learned', learned.join(', ')]]),
    ...(storageError === undefined ? [] : [['storage', storageError]]),
  ];
  return table(rows.map((row) => row.map(plain)));
}

function packageRow(one: PackageStatus): readonly string[] {
  // An update has no version, so its title is printed.
  const second = one.update === undefined ? one.id.version : titleOf(one.update);
  return [one.id.name, second, one.phase, progressText(one), nextText(one)];
}

const titleCharactersMax = 40;

const titleOf = ({ description }: UpdateStatus) => shortened(description, titleCharactersMax);

export function progressText(one: PackageStatus): string {
  if (one.phase === 'installing' && one.installPercent !== undefined) {
    return `${one.installPercent} % installed`;
  }
  if (one.chunksCount === 0) return one.sizeBytes > 0 ? bytes(one.sizeBytes) : '';
  const share = percent(one.chunksHeld, one.chunksCount);
  const size = bytes(one.chunksHeld * chunkBytes);
  return `${one.chunksHeld}/${one.chunksCount} chunks, ${share} %, ${size}`;
}

export function nextText({ next, nextInMs }: PackageStatus): string {
  return `${next}${soon(nextInMs)}`;
}

function block(title: string, rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return [];
  return ['', title, ...table(rows.map((row) => row.map(plain))).map((line) => `  ${line}`)];
}
