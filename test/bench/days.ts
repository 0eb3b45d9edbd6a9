// Counts what a day costs on a fake clock: without work, and without the node. The agent is that of
// the sources, without its sockets.
import { dialDay, idleDay, offlineDay } from '../support/days.ts';
import type { Day, Place } from '../support/days.ts';
import type { Part, Result } from './part.ts';

const places: readonly Place[] = ['local', 'remote'];
const minutesOfDay = 1_440;
const aims = { idleWakeUps: 2 * minutesOfDay, offlineWakeUps: 3 * minutesOfDay, lines: 1 } as const;

type Row = { readonly name: string; readonly day: Day };

const cellsOf = ({ name, day }: Row) => [
  name,
  String(day.wakeUps),
  String(day.calls),
  String(day.codes.length),
  String(day.codes.length + day.debugLines),
  String(day.writes),
];

async function run(): Promise<Result> {
  const idle: Row[] = [];
  const offline: Row[] = [];
  const dials: (readonly string[])[] = [];
  for (const place of places) {
    idle.push({ name: `registered, ${place} node`, day: await idleDay(place) });
    offline.push({ name: `in a transfer, ${place} node gone`, day: await offlineDay(place) });
    for (const isClockInDoubt of [false, true]) {
      const { wakeUps, dials: calls } = await dialDay(place, isClockInDoubt);
      const why = isClockInDoubt ? 'clock in doubt' : 'gone';
      dials.push([`ws, ${place} node, ${why}`, String(wakeUps), String(calls), '-', '-', '-']);
    }
  }
  const finding = (what: string, value: number, aim: number) => ({ what, value, aim, digits: 0 });
  return {
    table: [
      ['', 'timers', 'calls', 'lines', 'with debug', 'writes'],
      ...[...idle, ...offline].map(cellsOf),
      ...dials,
    ],
    findings: [
      ...idle.map(({ name, day }) => finding(`${name}: timers`, day.wakeUps, aims.idleWakeUps)),
      ...offline.flatMap(({ name, day }) => [
        finding(`${name}: timers`, day.wakeUps, aims.offlineWakeUps),
        finding(`${name}: log lines`, day.codes.length, aims.lines),
      ]),
    ],
  };
}

export const days: Part = {
  name: 'days',
  about: 'a day on a fake clock: moments at which timers run, calls, log lines, writes to the disk',
  run,
};
