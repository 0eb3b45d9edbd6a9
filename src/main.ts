// The composition root: creates the real ports and runs the command.
// This import must be the first one.
import './host/debugger.ts';
import process from 'node:process';
import { runCommand } from './commands/cli.ts';
import { readFlash } from './offline-status.ts';
import { createDisk } from './host/disk.ts';
import { createExit } from './host/exit.ts';
import { checkFileSystem } from './host/file-system.ts';
import { ownHosts, realPath } from './host/identity.ts';
import { lockHolder } from './host/lock.ts';
import { storageLossAt, mountOptions } from './host/mounts.ts';
import { createRunner } from './host/runner.ts';
import { onSignals } from './host/signals.ts';
import { createLocalSockets } from './host/sockets.ts';
import { socketExposure } from './host/foreign-users.ts';
import { createTerminal, isJournal } from './host/stdio.ts';
import { createClock, openRandom } from './host/time.ts';
import { createServe } from './run-daemon.ts';

declare const SOTA_AGENT_VERSION: string;
declare const SOTA_AGENT_BUILD_TIME_S: number;

const version = SOTA_AGENT_VERSION;
const terminal = createTerminal();
const [clock, disk] = [createClock(), createDisk()];
const [sockets, runner] = [createLocalSockets(), createRunner()];
const build = { version, builtMs: SOTA_AGENT_BUILD_TIME_S * 1000 };
const journal = isJournal(process.env);
const exit = createExit(terminal);
process.on('uncaughtException', exit.crashed);
process.on('unhandledRejection', exit.crashed);
const startDaemon = createServe({
  clock,
  openRandom,
  disk,
  sockets,
  runner,
  terminal,
  onSignals,
  onCrash: exit.isOfDaemon,
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
  storageLoss: storageLossAt,
  realPath,
  ownHosts,
  checkFileSystem: (path) => checkFileSystem(path),
  version,
  startDaemon,
  lockHolder,
  socketExposure,
  readFlash: (settings) => readFlash(disk, settings, version),
}).then(exit.withCode, exit.crashed);
