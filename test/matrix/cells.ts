// Runs all cells of the matrix, many at a time because they mostly wait; the long ones start first.
import { events } from './events.ts';
import { nameOf, rows } from './rows.ts';
import type { Event } from './events.ts';
import type { Row } from './rows.ts';

export type Cell = {
  readonly row: Row;
  readonly event: Event;
  readonly name: string;
  /** Undefined if the cell passed. */
  readonly result: Promise<Error | undefined>;
};

/** More agents at a time would miss seconds of the node on a machine with two cores. */
const atOnceMax = 30;
/** The start of an agent costs more than its run. */
const betweenStartsMs = 60;

export function startCells(isWanted: (name: string) => boolean): readonly Cell[] {
  const waiting: (() => void)[] = [];
  let running = 0;
  let isStarting = false;

  function next(): void {
    if (isStarting || running >= atOnceMax) return;
    const begin = waiting.shift();
    if (begin === undefined) return;
    running += 1;
    isStarting = true;
    begin();
    setTimeout(() => {
      isStarting = false;
      next();
    }, betweenStartsMs);
  }

  async function run(row: Row, event: Event): Promise<Error | undefined> {
    await new Promise<void>((begin) => waiting.push(begin));
    try {
      await event.run(row);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      running -= 1;
      next();
    }
  }

  const all = rows.flatMap((row) =>
    events
      .filter(({ absent }) => absent?.(row) === undefined)
      .map((event) => ({ row, event, name: `${nameOf(row)}: ${event.name}` })),
  );
  const cells = all
    .filter(({ name }) => isWanted(name))
    .toSorted((a, b) => b.event.lasts - a.event.lasts)
    .map((one) => ({ ...one, result: run(one.row, one.event) }));
  next();
  return cells;
}
