// Prints the output of the demo. In a terminal the last line is a bar that is redrawn. In a pipe
// each tenth of the bar is a line, and the output is text only.
import process from 'node:process';

export type Screen = {
  /** Prints a line with the time since the start. */
  tell(text: string): void;
  /** Prints the same, highlighted. */
  shout(text: string): void;
  /** Prints lines without a time: a heading, or the output of a command. */
  plain(lines: readonly string[]): void;
  heading(text: string): void;
  /** Shows the progress of a transfer or an install; a new `tenth` prints a line in a pipe. */
  bar(text: string, tenth: number): void;
  /** Leaves the current bar on the screen. */
  keepBar(): void;
  columns(): number;
  seconds(): string;
};

const margin = ' '.repeat(9);

export function createScreen(): Screen {
  const { stdout, env } = process;
  const isLive = stdout.isTTY === true && env['TERM'] !== 'dumb';
  const hasColour = isLive && (env['NO_COLOR'] ?? '') === '';
  const startedMs = performance.now();
  let live = '';
  let tenthShown: number | undefined;

  const styled = (code: number, text: string) =>
    hasColour ? `\u001b[${code}m${text}\u001b[0m` : text;
  const seconds = () => `${((performance.now() - startedMs) / 1_000).toFixed(1)} s`;
  const columns = () => (isLive ? Math.max(60, (stdout.columns || 80) - 1) : 100);

  /** Prints the lines above the bar, and redraws the bar below them. */
  function put(lines: readonly string[]): void {
    const wiped = live === '' ? '' : '\r\u001b[2K';
    stdout.write(`${wiped}${lines.map((line) => `${line.trimEnd()}\n`).join('')}${live}`);
  }

  const line = (mark: string, text: string) =>
    put([`${styled(2, seconds().padStart(7))}  ${mark}${text}`]);

  return {
    tell: (text) => line('', text),
    shout: (text) => line('', styled(1, text)),
    plain: (lines) => put(lines.map((one) => `${margin}${one}`)),
    heading: (text) => put(['', styled(1, text), '']),
    bar(text, tenth) {
      if (isLive) {
        stdout.write(`${live === '' ? '' : '\r\u001b[2K'}${text === '' ? '' : margin}${text}`);
        live = text === '' ? '' : `${margin}${text}`;
      } else if (text !== '' && tenth !== tenthShown) put([`${margin}${text}`]);
      tenthShown = tenth;
    },
    keepBar() {
      if (live !== '') stdout.write('\n');
      live = '';
    },
    columns,
    seconds,
  };
}
