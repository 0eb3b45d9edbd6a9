// `watch`: prints live progress until Ctrl-C. On a terminal it redraws the lines; to a file or a
// pipe it prints a line for each change.
import { openRequest } from '../control/client.ts';
import { plain } from '../sanitize.ts';
import { exitCodes } from './ports.ts';
import { withElapsed, createRates, packageLine, watchLines } from './progress.ts';
import { reportOtherVersion, refusalText, connectionText } from './daemon-client.ts';
import { hiddenDaemonText, checkSocketOwner } from './socket.ts';
import { label, percent } from './format.ts';
import type { PackageStatus, Status } from '../core/status.ts';
import type { Clock } from '../host/ports.ts';
import type { Terminal } from '../host/stdio.ts';
import type { Act } from './ports.ts';

type View = { show(status: Status): void; end(): void };

export const watch: Act = async (ports, { settings }) => {
  const { terminal, clock } = ports;
  if (!checkSocketOwner(ports, settings, 'watch')) return exitCodes.unreachable;
  const view = terminal.isTty ? createScreen(terminal, clock) : createFeed(terminal, clock);
  let exitCode: number = exitCodes.done;
  let waiting: Status | undefined;
  // While the terminal does not read, only the newest status is kept.
  const show = (status: Status) => {
    if (terminal.isBehind()) waiting = status;
    else view.show(status);
  };
  terminal.onOutDrained(() => {
    if (waiting !== undefined) view.show(waiting);
    waiting = undefined;
  });
  const open = openRequest(
    ports,
    settings.control.socket,
    { command: 'watch' },
    (received, stop) => {
      if (received.ok && 'status' in received) return show(received.status);
      if (received.ok) exitCode = reportOtherVersion(ports);
      else {
        terminal.err(`${refusalText(received)}\n`);
        exitCode = exitCodes.failed;
      }
      stop();
    },
  );
  const release = terminal.onInterrupt(() => open.stop());
  const ended = await open.ended;
  release();
  view.end();
  if (ended.kind === 'stopped') return exitCode;
  const hidden =
    ended.kind === 'unreachable' ? await hiddenDaemonText(ports, settings, ended) : undefined;
  terminal.err(`${hidden ?? connectionText(ended, settings)}\n`);
  return exitCodes.unreachable;
};

/** Returns a line for each package that ended between two statuses, from the history. */
function endedSince(before: Status | undefined, now: Status): readonly string[] {
  const ended = (before?.packages ?? []).filter(({ id }) => {
    return !now.packages.some((one) => label(one.id) === label(id));
  });
  return ended.map(({ id }) => {
    const entry = now.history.findLast((one) => label(one.id) === label(id));
    const description =
      entry === undefined || entry.description === '' ? '' : `: ${entry.description}`;
    return plain(`${label(id)}  ${entry?.outcome ?? 'ended'}${description}`);
  });
}

const redrawMs = 1_000;

/** Redraws its lines; the lines of ended packages stay above them. */
function createScreen(terminal: Terminal, clock: Clock): View {
  const rates = createRates();
  let last: { readonly status: Status; readonly atMs: number } | undefined;
  let drawn = 0;
  let cancel: () => void = () => undefined;

  const draw = (above: readonly string[]) => {
    if (last === undefined) return;
    const nowMs = clock.nowMs();
    // One column and one row stay free, so that the terminal does not scroll.
    const columns = Math.max(20, terminal.columns() - 1);
    const status = withElapsed(last.status, nowMs - last.atMs);
    const live = fitting(watchLines(status, rates, nowMs, columns), terminal.rows() - 1);
    const up = drawn > 0 ? `\u001b[${drawn}A` : '';
    const lines = [...above, ...live].map((line) => `\u001b[2K${line}\n`);
    terminal.out(`${up}${lines.join('')}\u001b[J`);
    drawn = live.length;
    cancel();
    cancel = clock.after(redrawMs, redraw);
  };
  const redraw = () => {
    if (!terminal.isBehind()) return draw([]);
    cancel = clock.after(redrawMs, redraw);
  };
  return {
    show(status) {
      const above = endedSince(last?.status, status);
      last = { status, atMs: clock.nowMs() };
      rates.note(status, last.atMs);
      draw(above);
    },
    end: () => cancel(),
  };
}

function fitting(lines: readonly string[], rows: number): readonly string[] {
  if (lines.length <= rows) return lines;
  const shown = lines.slice(0, Math.max(1, rows - 1));
  return [...shown, `and ${lines.length - shown.length} more`];
}

const feedColumns = 120;

/** Prints a line for each new phase, and for each tenth of a transfer or an install. */
function createFeed(terminal: Terminal, clock: Clock): View {
  const rates = createRates();
  let last: Status | undefined;
  let printed: ReadonlyMap<string, string> = new Map();

  const print = (line: string) => terminal.out(`${line}\n`);
  return {
    show(status) {
      const nowMs = clock.nowMs();
      rates.note(status, nowMs);
      const { kind } = status.link;
      if (last?.link.kind !== kind) print(plain(`link ${kind} ${status.link.detail}`.trim()));
      for (const line of endedSince(last, status)) print(line);
      const marks = new Map(status.packages.map((one) => [label(one.id), markOf(one)]));
      for (const one of status.packages) {
        if (printed.get(label(one.id)) === marks.get(label(one.id))) continue;
        print(packageLine(one, rates.of(one.id, nowMs), feedColumns));
      }
      if (last === undefined && status.packages.length === 0) {
        print('no packages; waiting for the server');
      }
      printed = marks;
      last = status;
    },
    end: () => undefined,
  };
}

function markOf(one: PackageStatus): string {
  const share = one.phase === 'installing' ? one.installPercent : undefined;
  const part = share ?? percent(one.chunksHeld, one.chunksCount);
  return `${one.phase} ${Math.floor(part / 10)}`;
}
