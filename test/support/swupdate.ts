// Runs Debian's SWUpdate as a daemon, with its sockets and buffers in a folder of the test.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { until } from './idle.ts';

export type SwupdateDaemon = {
  readonly pid: number;
  log(): string;
  kill(signal?: NodeJS.Signals): Promise<void>;
};

/**
 * The arguments of both the program and the daemon: the certificate, the selection, the hardware.
 */
export function swupdateArgs(certificate: string): readonly string[] {
  return ['-k', certificate, '-e', 'stable,main', '-H', 'demo:1.0'];
}

/** Resolves when it answers. */
export async function startSwupdate(
  folder: string,
  args: readonly string[],
): Promise<SwupdateDaemon> {
  mkdirSync(folder, { recursive: true });
  const child = spawn('swupdate', args, {
    env: { PATH: process.env['PATH'], TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => (text += more));
  }
  const ended = new Promise<void>((done) => child.on('exit', () => done()));
  const kill = (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal);
    return ended;
  };
  const sockets = ['sockinstctrl', 'swupdateprog'].map((name) => join(folder, name));
  await until('the sockets of the daemon', async () => {
    if (child.exitCode !== null) throw new Error(`no daemon: ${text}`);
    return (await Promise.all(sockets.map(isAnswered))).every((is) => is);
  });
  return { pid: child.pid ?? 0, log: () => text, kill };
}

function isAnswered(path: string): Promise<boolean> {
  if (!existsSync(path)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
