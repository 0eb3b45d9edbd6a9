// `watch`: live progress until Ctrl-C. A terminal is drawn over; a file or a pipe gets a line where
// something changed.
import { converse } from '../control/client.ts';
import { plain } from '../sanitize.ts';
import { exitCodes } from './ports.ts';
import { aged, createRates, packageLine, watchLines } from './progress.ts';
import { odd, refusalText, silenceText } from './daemon-client.ts';
import { hiddenText, mayAsk } from './socket.ts';
import { label, percent } from './format.ts';
import type { PackageStatus, Status } from '../core/status.ts';
import type { Clock } from '../host/ports.ts';
import type { Terminal } from '../host/stdio.ts';
import type { Act } from './ports.ts';

type View = { show(status: Status): void; end(): void };

export const watch: Act = async (ports, { settings }) => {
  const { terminal, clock } = ports;
  if (!mayAsk(ports, settings, 'watch')) return exitCodes.unreachable;
  const view = terminal.isTty ? createScreen(terminal, clock) : createFeed(terminal, clock);
  let exitCode: number = exitCodes.done;
  let unseen: Status | undefined;
  // Where nobody reads, only the newest is kept.
  const show = (status: Status) => {
    if (terminal.isBehind()) unseen = status;
    else view.show(status);
  };
  terminal.onOutTaken(() => {
    if (unseen !== undefined) view.show(unseen);
    unseen = undefined;
  });
  const talk = converse(ports, settings.control.socket, { command: 'watch' }, (came, stop) => {
    if (came.ok && 'status' in came) return show(came.status);
    if (came.ok) exitCode = odd(ports);
    else {
      terminal.err(`${refusalText(came)}\n`);
      exitCode = exitCodes.failed;
    }
    stop();
  });
  const release = terminal.onInterrupt(() => talk.stop());
  const ended = await talk.ended;
  release();
  view.end();
  if (ended.kind === 'stopped') return exitCode;
  const hidden =
    ended.kind === 'unreachable' ? await hiddenText(ports, settings, ended) : undefined;
  terminal.err(`${hidden ?? silenceText(ended, settings)}\n`);
  return exitCodes.unreachable;
};

/** What came to its end between two looks, in the words of the history. */
function endedSince(before: Status | undefined, now: Status): readonly string[] {
  const gone = (before?.packages ?? []).filter(({ id }) => {
    return !now.packages.some((one) => label(one.id) === label(id));
  });
  return gone.map(({ id }) => {
    const entry = now.history.findLast((one) => label(one.id) === label(id));
    const said = entry === undefined || entry.description === '' ? '' : `: ${entry.description}`;
    return plain(`${label(id)}  ${entry?.outcome ?? 'gone'}${said}`);
  });
}

const redrawMs = 1_000;

/** Lines that are drawn over; what ended stays above them. */
function createScreen(terminal: Terminal, clock: Clock): View {
  const rates = createRates();
  let last: { readonly status: Status; readonly atMs: number } | undefined;
  let drawn = 0;
  let cancel: () => void = () => undefined;

  const draw = (above: readonly string[]) => {
    if (last === undefined) return;
    const nowMs = clock.nowMs();
    // One column and one row stay free, or the terminal scrolls under us.
    const columns = Math.max(20, terminal.columns() - 1);
    const status = aged(last.status, nowMs - last.atMs);
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

/** A line for each new phase, and for each tenth of a transfer or an install. */
function createFeed(terminal: Terminal, clock: Clock): View {
  const rates = createRates();
  let last: Status | undefined;
  let said: ReadonlyMap<string, string> = new Map();

  const tell = (line: string) => terminal.out(`${line}\n`);
  return {
    show(status) {
      const nowMs = clock.nowMs();
      rates.note(status, nowMs);
      const { kind } = status.link;
      if (last?.link.kind !== kind) tell(plain(`link ${kind} ${status.link.detail}`.trim()));
      for (const line of endedSince(last, status)) tell(line);
      const marks = new Map(status.packages.map((one) => [label(one.id), markOf(one)]));
      for (const one of status.packages) {
        if (said.get(label(one.id)) === marks.get(label(one.id))) continue;
        tell(packageLine(one, rates.of(one.id, nowMs), feedColumns));
      }
      if (last === undefined && status.packages.length === 0) {
        tell('nothing to do; waiting for the server');
      }
      said = marks;
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
