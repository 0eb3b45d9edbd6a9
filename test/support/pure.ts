// Keeps pure suites pure: in their process nothing may start a program, open a socket, or write a
// file. A suite that needs one of these belongs in test/integration.
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import workers from 'node:worker_threads';

type Called = (...given: readonly unknown[]) => unknown;

export function forbidOutside(): void {
  const programs = ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork'];
  for (const name of programs) forbid(childProcess, name, 'starts a program');
  forbid(net.Server.prototype, 'listen', 'opens a socket');
  forbid(net.Socket.prototype, 'connect', 'opens a socket');
  forbid(workers, 'Worker', 'starts a thread');
  for (const name of ['writeFile', 'appendFile', 'mkdir', 'mkdtemp', 'rename', 'symlink']) {
    for (const [module, call] of [
      [fs, `${name}Sync`],
      [fs, name],
      [fs.promises, name],
    ] as const) {
      forbid(module, call, 'writes a file');
    }
  }
  for (const [module, call] of [
    [fs, 'openSync'],
    [fs, 'open'],
    [fs.promises, 'open'],
  ] as const) {
    forbid(module, call, 'writes a file', ([, flags]) => !isForReading(flags));
  }
  syncBuiltinESMExports();
}

function isForReading(flags: unknown): boolean {
  const writing = fs.constants.O_WRONLY | fs.constants.O_RDWR | fs.constants.O_CREAT;
  return typeof flags === 'number' ? (flags & writing) === 0 : (flags ?? 'r') === 'r';
}

function forbid(
  module: object,
  name: string,
  what: string,
  isForbidden: (given: readonly unknown[]) => boolean = () => true,
): void {
  const original: unknown = Reflect.get(module, name);
  if (typeof original !== 'function') throw new Error(`there is no ${name}`);
  const guarded: Called = function guarded(this: unknown, ...given) {
    if (!isForbidden(given)) return Reflect.apply(original, this, given);
    throw new Error(`a pure suite ${what} (${name}): move it to test/integration`);
  };
  Reflect.set(module, name, guarded);
}
