// Runs the built executable like a user: with a configuration file, as a process, with its log on
// stderr.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { emulatorFor } from './target.ts';
import { afterIdle, idleMsMax } from './idle.ts';
import type { ChildProcess } from 'node:child_process';
import type { Status } from '../../src/core/status.ts';

export type Toml = { readonly [key: string]: Toml | string | number | boolean | readonly string[] };

export type AgentProcess = {
  readonly pid: number;
  log(): string;
  /** Resolves if a line of the log matches; fails if the process ends or nothing moves. */
  logged(pattern: RegExp, limitMs?: number): Promise<RegExpMatchArray>;
  kill(signal?: NodeJS.Signals): Promise<number | string>;
  readonly ended: Promise<number | string>;
};

/** The emulator for the executable, if `SOTA_AGENT_TARGET` names a foreign CPU. */
export const launcher: readonly string[] = emulatorFor(process.env['SOTA_AGENT_TARGET']);

/** The stall timeout for this machine, longer than the pauses of a slow agent. */
export const stallSeconds = launcher.length === 0 ? 1 : 6;

export function agentPath(): string {
  const path = process.env['SOTA_AGENT_BIN'];
  if (path === undefined) throw new Error('SOTA_AGENT_BIN is not set: run through test/run.mjs');
  return path;
}

/**
 * Writes DIRECTORY/config.toml; storage and control socket are next to it unless `config` names
 * other paths. `rename` rewrites the keys for another version of the agent.
 */
export function writeConfig(
  directory: string,
  config: Toml,
  rename = (table: Toml) => table,
): string {
  mkdirSync(directory, { recursive: true });
  const all: Toml = {
    storage: { dir: join(directory, 'state'), min_free: '1 MiB' },
    control: { socket: join(directory, 'control.sock') },
    log: { level: 'debug' },
    // This configuration causes no warning.
    installer: { enabled: ['swupdate'], swupdate: { args: ['-k', '/etc/swupdate/public.pem'] } },
    ...config,
  };
  const path = join(directory, 'config.toml');
  writeFileSync(path, toml(rename(all)));
  return path;
}

function toml(table: Toml, above = ''): string {
  let keys = '';
  let tables = '';
  for (const [key, value] of Object.entries(table)) {
    if (typeof value === 'object' && !Array.isArray(value)) {
      const path = above === '' ? key : `${above}.${key}`;
      tables += `\n[${path}]\n${toml(Object.fromEntries(Object.entries(value)), path)}`;
    } else keys += `${key} = ${JSON.stringify(value)}\n`;
  }
  return keys + tables;
}

export function startAgent(
  config: string,
  environment: { readonly [name: string]: string } = {},
  group?: string,
): AgentProcess {
  // The shell enters the control group, then becomes the agent.
  const enter = ['sh', '-c', `echo $$ >"${group}/cgroup.procs" && exec "$@"`, 'sh'];
  const words = [...launcher, agentPath(), 'run', '--config', config];
  const [program = '', ...args] = [...(group === undefined ? [] : enter), ...words];
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  const listeners = new Set<() => void>();
  child.stderr?.setEncoding('utf8').on('data', (more: string) => {
    text += more;
    for (const listener of listeners) listener();
  });
  const ended = endOf(child);
  const logged = (pattern: RegExp, limitMs = idleMsMax) =>
    new Promise<RegExpMatchArray>((resolve, reject) => {
      const finish = (act: () => void) => {
        listeners.delete(look);
        cancel();
        act();
      };
      const look = () => {
        const found = pattern.exec(text);
        if (found !== null) finish(() => resolve(found));
      };
      const fail = (why: string) => () => finish(() => reject(new Error(`${why}:\n${text}`)));
      const cancel = afterIdle(limitMs, fail(`nothing moves, and no ${String(pattern)}`));
      listeners.add(look);
      void ended.then(fail(`ended before ${String(pattern)}`));
      look();
    });
  const kill = (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal);
    return ended;
  };
  return { pid: child.pid ?? 0, log: () => text, logged, kill, ended };
}

function endOf(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve) => {
    // 'close' comes after the last line of the log, 'exit' may come before it.
    child.on('close', (code, signal) => resolve(code ?? signal ?? 'gone'));
    child.on('error', (error) => resolve(error.message));
  });
}

export type CommandResult = {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
};

/** Blocks this process, including a backend in it; `askAgent` does not. */
export function runAgentCommand(config: string, ...words: readonly string[]): CommandResult {
  const [program = '', ...args] = [...launcher, agentPath(), ...words, '--config', config];
  const ran = spawnSync(program, args, { encoding: 'utf8' });
  return { exitCode: ran.status, out: ran.stdout, err: ran.stderr };
}

export function askAgent(
  words: readonly string[],
  environment: { readonly [name: string]: string } = {},
): Promise<CommandResult> {
  const [program = '', ...args] = [...launcher, agentPath(), ...words];
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const cancel = afterIdle(idleMsMax, () => child.kill());
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (more: string) => (out += more));
  child.stderr.setEncoding('utf8').on('data', (more: string) => (err += more));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode) => {
      cancel();
      resolve({ exitCode, out, err });
    });
  });
}

export function statusOf(config: string): Status {
  const { out, err } = runAgentCommand(config, 'status', '--json');
  if (out === '') throw new Error(`no status: ${err}`);
  const status: Status = JSON.parse(out);
  return status;
}
