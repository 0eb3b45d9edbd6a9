// The composition root: the only place that names Node's own world.
import process from 'node:process';
import { runCommand } from './commands/cli.ts';
import { readFlash } from './flash.ts';
import { createDisk } from './host/disk.ts';
import { mountOptions } from './host/mounts.ts';
import { createRunner } from './host/runner.ts';
import { createLocalSockets } from './host/sockets.ts';
import { createTerminal, isJournal } from './host/terminal.ts';
import { createClock, createRandom } from './host/time.ts';
import { createServe } from './serve.ts';

declare const SOTA_AGENT_VERSION: string;
declare const SOTA_AGENT_BUILD_TIME_S: number;

const version = SOTA_AGENT_VERSION;
const terminal = createTerminal();
const [clock, random, disk] = [createClock(), createRandom(), createDisk()];
const [sockets, runner] = [createLocalSockets(), createRunner()];
const build = { version, builtMs: SOTA_AGENT_BUILD_TIME_S * 1000 };
const journal = isJournal(process.env);
const startDaemon = createServe({
  clock,
  random,
  disk,
  sockets,
  runner,
  terminal,
  isJournal: journal,
  environment: process.env,
  processId: process.pid,
  build,
});

runCommand(process.argv.slice(2), {
  terminal,
  environment: process.env,
  disk,
  clock,
  sockets,
  mountOptions,
  version,
  startDaemon,
  readFlash: (settings) => readFlash(disk, settings, version),
}).then(
  // Ends by itself, so that what was written to a pipe gets there.
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    terminal.err(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 1;
  },
);
