// A vehicle of a test: a directory, a backend, and the built agent, which the test starts,
// interrupts and restarts in it. Its installer records every run.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackend, isReported } from '../backend/backend.ts';
import { listening, portOf } from '../backend/edge-http.ts';
import { askAgent, launcher, stallSeconds, startAgent, writeConfig } from './agent.ts';
import type { Backend, BackendOptions } from '../backend/backend.ts';
import type { PackageId, ServerPackage } from '../backend/package.ts';
import type { Status } from '../../src/core/status.ts';
import type { AgentProcess, CommandResult, Toml } from './agent.ts';

export type Vehicle = {
  readonly directory: string;
  readonly config: string;
  readonly backend: Backend;
  boot(): AgentProcess;
  /** The most recent agent. */
  agent(): AgentProcess;
  /** Kills the agent, like a power loss. */
  cut(): void;
  command(...words: readonly string[]): Promise<CommandResult>;
  /** The status by the control socket, without another process. */
  status(): Promise<Status>;
  /** The logs of all its agents. */
  logs(): string;
  /** Names of the packages, one for each finished run of the installer. */
  installs(): readonly string[];
  installed(id: PackageId): Buffer;
  reported(one: ServerPackage): Promise<void>;
  end(): Promise<void>;
};

/**
 * A server sends a chunk again after 30 of these seconds; an emulated agent may need that long to
 * start.
 */
const serverSecondMs = launcher.length === 0 ? 1_000 : 2_000;

export type VehicleOptions = BackendOptions & {
  readonly rvi?: Toml;
  readonly more?: Toml;
  /** Rewrites the configuration for another version of the agent. */
  readonly rename?: (config: Toml) => Toml;
  /** Shell text, run before the installer copies the payload; `$D` is the vehicle's directory. */
  readonly install?: string;
  /** The folder of a control group in which the agent runs. */
  readonly group?: string;
};

export async function createVehicle(options: VehicleOptions = {}): Promise<Vehicle> {
  const directory = mkdtempSync(join(tmpdir(), 'sota-'));
  const backend = createBackend({ secondMs: serverSecondMs, ...options });
  await backend.start();
  const isHttp = (options.transport ?? 'http') === 'http';
  const dialect = options.node === '0.5.1' ? 'rvi-0.5' : 'rvi-0.4';
  const script = [
    `D="${directory}"`,
    options.install ?? ':',
    `cp "$SOTA_PACKAGE_FILE" "$D/installed-$SOTA_PACKAGE_NAME"`,
    `echo "$SOTA_PACKAGE_NAME" >>"$D/runs"`,
  ].join('\n');
  const table: Toml = {
    ...options.more,
    installer: {
      default: 'command',
      command: { program: 'sh', args: ['-ec', script] },
      ...tableOf(options.more?.['installer']),
    },
    rvi: {
      url: backend.url,
      ...(isHttp ? { listen: '127.0.0.1:0' } : {}),
      ...(options.transport === 'rvi' ? { node_dialect: dialect } : {}),
      // Short, so that a test does not wait longer than necessary.
      stall_timeout: stallSeconds,
      finish_timeout: 2 * stallSeconds,
      ...options.rvi,
    },
  };
  const config = writeConfig(directory, table, options.rename);
  const booted: AgentProcess[] = [];

  function boot(): AgentProcess {
    const started = startAgent(config, {}, options.group);
    booted.push(started);
    return started;
  }

  function agent(): AgentProcess {
    const last = booted.at(-1);
    if (last === undefined) throw new Error('no agent was started');
    return last;
  }

  async function end(): Promise<void> {
    await Promise.all(booted.map((one) => one.kill('SIGKILL')));
    await backend.stop();
    rmSync(directory, { recursive: true, force: true });
  }

  const command = (...words: readonly string[]) => askAgent([...words, '--config', config]);

  return {
    directory,
    config,
    backend,
    boot,
    agent,
    cut: () => void agent().kill('SIGKILL'),
    command,
    status: () => statusAt(join(directory, 'control.sock')),
    logs: () => booted.map((one) => one.log()).join('\n'),
    installs: () => linesOf(join(directory, 'runs')),
    installed: ({ name }) => readFileSync(join(directory, `installed-${name}`)),
    reported: (one) =>
      backend.until(`${one.id.name} reported`, (server) => isReported(server, one)),
    end,
  };
}

function statusAt(socket: string): Promise<Status> {
  return new Promise((resolve, reject) => {
    const asked = connect(socket, () => asked.write('{"command":"status"}\n'));
    let text = '';
    asked.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      if (!text.endsWith('\n')) return;
      asked.destroy();
      const answer: { readonly status: Status } = JSON.parse(text);
      resolve(answer.status);
    });
    asked.on('error', reject);
    asked.on('close', () => reject(new Error(`the daemon is gone: ${text}`)));
  });
}

function tableOf(value: Toml[string] | undefined): Toml {
  return typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : {};
}

export function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(0, -1);
  } catch {
    return [];
  }
}

/**
 * Runs `act` on a vehicle; an error includes the log of its agent. In every test it is an error if
 * the agent sent something that would crash a node.
 */
export async function withVehicle(
  options: VehicleOptions,
  act: (vehicle: Vehicle) => Promise<void>,
): Promise<void> {
  const vehicle = await createVehicle(options);
  try {
    await act(vehicle);
    const { crashes } = vehicle.backend;
    if (crashes.length > 0) throw new Error(`this crashes nodes: ${crashes.join('\n')}`);
  } catch (error) {
    console.error(vehicle.logs());
    throw error;
  } finally {
    await vehicle.end();
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await listening(server, 0);
  const port = portOf(server.address(), 0);
  await new Promise((done) => server.close(done));
  return port;
}
