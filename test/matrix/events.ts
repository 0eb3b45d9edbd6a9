// The columns of the matrix: what happens in a cell. Each event gives the rows that cannot have it,
// with the reason, and the chunks that it may cause to be sent again.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../support/suite.ts';
import { isHalfDeaf, learningMax } from './rows.ts';
import { chunksCount, ends, play, secondMs } from './stage.ts';
import { until } from '../support/idle.ts';
import type { Row } from './rows.ts';
import type { Stage } from './stage.ts';

export type Event = {
  readonly name: string;
  /** Approximate duration in seconds; the long ones start first. */
  readonly lasts: number;
  /** Returns why this row has no such cell; undefined if it has one. */
  readonly absent?: (row: Row) => string | undefined;
  readonly run: (row: Row) => Promise<void>;
};

const later = () => new Promise((done) => setImmediate(done));
const pause = (seconds: number) => new Promise((done) => setTimeout(done, seconds * secondMs));

const noAbort = ({ server }: Row) =>
  server === 'S-A' ? 'S-A sends no abort (protocol 2.1, 2.4)' : undefined;

const moreAcks = (row: Row) =>
  learningMax(row) > 0
    ? 'until it is learned, acks are repeated, so none is known to be the last'
    : undefined;

/** Chunks and acks after which an ack lists the last two. */
const late = chunksCount - 1;

const waitsForGo = 'touch "$D/begun"; while [ -d "$D" ] && [ ! -e "$D/go" ]; do sleep 0.1; done';

/** An abort in the middle of a transfer: the server drops it, and an operator offers it again. */
function abortedAt(reached: (stage: Stage) => Promise<void>, repeatedMax: number, isWhole = false) {
  // If all chunks are stored, the abort must come before the agent continues without a finish.
  const given = isWhole ? { rvi: { finish_timeout: 10 } } : {};
  return (row: Row) =>
    play(row, given, async (stage) => {
      const { backend, status, packages } = stage;
      const isReached = reached(stage);
      await stage.begin();
      await isReached;
      await later();
      backend.server.abort();
      // If the abort does not arrive, the agent requests a start from a silent server, which serves
      // it.
      if (!isHalfDeaf(row)) {
        await until('the transfer is given up', async () => {
          const now = await status();
          return now.packages.length === 0;
        });
        assert.equal(stage.installs(), []);
        backend.server.notify(packages);
      }
      // If all chunks are stored, the agent does not need the server, which drops its report.
      const isDeaf = isHalfDeaf(row);
      const repeated = { repeatedMax: isDeaf ? Math.max(1, repeatedMax) : repeatedMax };
      await ends(stage, { ...repeated, isReportDropped: isWhole && isDeaf });
    });
}

export const events: readonly Event[] = [
  {
    name: 'one package',
    lasts: 2,
    run: (row) =>
      play(row, {}, async (stage) => {
        await stage.begin();
        await ends(stage);
        const isTold = () => stage.backend.server.lists.length > 0;
        if (!isHalfDeaf(row)) await stage.backend.until('the packages are listed', isTold);
      }),
  },
  {
    name: 'three',
    lasts: 40,
    absent: (row) =>
      isHalfDeaf(row)
        ? 'each next one waits 90 s, because no confirmation arrives (protocol 1.9)'
        : undefined,
    // S-M takes the next one a minute after the last report; a minute is short here.
    run: (row) =>
      play(row, { packages: 3, secondMs: 100 }, async (stage) => {
        await stage.begin();
        await ends(stage);
      }),
  },
  {
    name: 'SIGKILL',
    lasts: 3,
    run: (row) =>
      play(row, {}, async (stage) => {
        const isReached = stage.passes('to the vehicle', 'chunk', late);
        await stage.begin();
        await isReached;
        await stage.kill();
        stage.boot();
        await ends(stage, { repeatedMax: 1 });
      }),
  },
  {
    name: 'server restart',
    lasts: 4,
    run: (row) =>
      play(row, {}, async (stage) => {
        const isReached = stage.passes('to the vehicle', 'chunk', late);
        await stage.begin();
        await isReached;
        await stage.backend.restartServer(300);
        await ends(stage, { repeatedMax: 1 });
      }),
  },
  {
    name: 'node restart',
    lasts: 10,
    // Longer than six registrations take while thirty agents run.
    run: (row) =>
      play(row, { rvi: { stall_timeout: 8 } }, async (stage) => {
        const isReached = stage.passes('to the vehicle', 'chunk', late, true);
        await stage.begin();
        await isReached;
        await stage.backend.restartNode(300);
        await ends(stage, { repeatedMax: 1 });
      }),
  },
  {
    name: 'offline',
    lasts: 6,
    run: (row) =>
      play(row, {}, async (stage) => {
        const isReached = stage.passes('to the vehicle', 'chunk', late);
        await stage.begin();
        await isReached;
        await stage.kill();
        // Longer than the ack timeout: the messages that the server repeats are lost.
        await pause(40);
        stage.boot();
        await ends(stage, { repeatedMax: 1 });
      }),
  },
  {
    name: 'lost request',
    lasts: 30,
    run: (row) =>
      play(row, {}, async (stage) => {
        stage.lose('to the server', 'start');
        await stage.begin();
        await ends(stage);
      }),
  },
  {
    name: 'lost start',
    lasts: 20,
    absent: ({ server }) =>
      server === 'literal'
        ? 'only its abort after 150 s ends the transfer; the next start may follow 10 min later'
        : undefined,
    run: (row) =>
      play(row, {}, async (stage) => {
        stage.lose('to the vehicle', 'start');
        await stage.begin();
        // S-A recovers only by an exception, which costs another chunk (protocol 2.4).
        await ends(stage, { repeatedMax: row.server === 'S-A' ? 2 : 1 });
      }),
  },
  {
    name: 'lost ack',
    lasts: 3,
    run: (row) =>
      play(row, {}, async (stage) => {
        stage.lose('to the server', 'ack', late);
        await stage.begin();
        await ends(stage, { repeatedMax: 1 });
      }),
  },
  {
    name: 'lost finish',
    lasts: 3,
    run: (row) =>
      play(row, {}, async (stage) => {
        stage.lose('to the vehicle', 'finish');
        await stage.begin();
        await ends(stage);
      }),
  },
  {
    name: 'lost report',
    lasts: 35,
    // The agent repeats the report after 30 real seconds, so the server has real seconds, too.
    run: (row) =>
      play(row, { secondMs: 1_000 }, async (stage) => {
        stage.lose('to the server', 'report');
        await stage.begin();
        await ends(stage);
      }),
  },
  {
    name: 'slow install',
    lasts: 12,
    // The install takes half as long again as S-C and S-M wait without a message (protocol 2.4).
    run: (row) => {
      const given = { secondMs: 100, install: 'sleep 9', rvi: { progress_interval: 1.5 } };
      return play(row, given, async (stage) => {
        await stage.begin();
        await ends(stage);
      });
    },
  },
  {
    name: 'failing install',
    lasts: 2,
    run: (row) =>
      play(row, { install: 'echo "no room in flash" >&2; exit 3' }, async (stage) => {
        await stage.begin();
        await ends(stage, { status: false });
        assert.match(stage.backend.server.outcomes[0]?.text ?? '', 'no room in flash');
      }),
  },
  {
    name: 'abort at start',
    lasts: 4,
    absent: noAbort,
    run: abortedAt((stage) => stage.passes('to the server', 'ack', 1, true), 0),
  },
  {
    name: 'in chunks',
    lasts: 4,
    absent: noAbort,
    // The stored chunks are discarded, and come again.
    run: abortedAt((stage) => stage.passes('to the server', 'ack', late, true), late - 1),
  },
  {
    name: 'before finish',
    lasts: 4,
    absent: (row) => noAbort(row) ?? moreAcks(row),
    run: abortedAt(
      (stage) => stage.passes('to the server', 'ack', chunksCount + 1, true),
      chunksCount,
      true,
    ),
  },
  {
    name: 'in install',
    lasts: 4,
    absent: noAbort,
    run: (row) =>
      play(row, { install: waitsForGo }, async (stage) => {
        await stage.begin();
        await until('it is being installed', () => existsSync(join(stage.directory, 'begun')));
        stage.backend.server.abort();
        await pause(4);
        writeFileSync(join(stage.directory, 'go'), '');
        // The server has dropped the transfer: the agent sends the report, and the server drops it
        // (protocol 5.11).
        await ends(stage, { isReportDropped: true });
      }),
  },
  {
    name: 'after report',
    lasts: 3,
    absent: noAbort,
    run: (row) =>
      play(row, {}, async (stage) => {
        await stage.begin();
        await stage.allReported();
        stage.backend.server.abort();
        await ends(stage);
        assert.is(stage.installs().length, 1);
      }),
  },
];
