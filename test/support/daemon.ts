// What the agent needs in tests: settings, a transport whose node is the test, installers with
// given results, and a store on a disk in memory.
import { readSettings } from '../../src/config.ts';
import { startDaemon } from '../../src/agent/daemon.ts';
import { createMemoryDisk } from './memory-disk.ts';
import { createFakeClock, settle } from './control.ts';
import { must } from './store.ts';
import type { Settings } from '../../src/settings.ts';
import type { Clock, Disk } from '../../src/host/ports.ts';
import type { Installers, Probe, InstallResult } from '../../src/install/installer.ts';
import type { Call, CallResult, Transport } from '../../src/backends/rvi/transport/transport.ts';
import type { TransportHandlers } from '../../src/backends/rvi/transport/transport.ts';

export function settingsOf(text = ''): Settings {
  const configuration = readSettings({
    file: 'test',
    text: `${text}\n[storage]\ndir = "/s"\nreserve = "1 MiB"\n`,
    environment: {},
  });
  if (!configuration.ok) throw new Error(JSON.stringify(configuration.errors));
  return configuration.settings;
}

export function createLines() {
  const lines: string[] = [];
  const log = (level: string, code: string, fields: object = {}) =>
    void lines.push(`${level} ${code} ${JSON.stringify(fields)}`);
  return { lines, log, count: (code: string) => lines.filter((one) => one.includes(code)).length };
}

type Json = { readonly [name: string]: unknown };
export type Said = { readonly method: string; readonly service: string; readonly body: Json };

export type FakeNode = Transport & {
  /** Calls in order of arrival; a message by the end of its service name. */
  readonly said: Said[];
  /** Sets the answers; if undefined, calls are answered like a node does. */
  answer(how: ((said: Said) => CallResult | Promise<CallResult> | undefined) | undefined): void;
  up(): void;
  down(reason: string): void;
  /** Delivers a call; returns the answer. */
  deliver(service: string, body: unknown): string | undefined;
  handlers(): TransportHandlers;
  isClosed(): boolean;
};

export function createFakeNode(prefix = 'genivi.org/vin/V1'): FakeNode {
  const said: Said[] = [];
  let handlers: TransportHandlers | undefined;
  let how: ((said: Said) => CallResult | Promise<CallResult> | undefined) | undefined;
  let isClosed = false;
  const given = () => {
    if (handlers === undefined) throw new Error('the transport was not opened');
    return handlers;
  };
  return {
    said,
    networkAddress: undefined,
    open: (own) => void (handlers = own),
    resume: () => undefined,
    async close() {
      isClosed = true;
    },
    async call(call: Call) {
      const one = saidIn(call);
      said.push(one);
      await Promise.resolve();
      return (await how?.(one)) ?? { ok: true, text: usual(call, one, prefix) };
    },
    answer: (given) => void (how = given),
    up: () => given().onUp(),
    down: (reason) => given().onDown(reason),
    deliver(service, body) {
      const params = { service_name: service, parameters: [body] };
      const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'message', params });
      return given().receive(Buffer.from(text));
    },
    handlers: given,
    isClosed: () => isClosed,
  };
}

function saidIn({ text }: Call): Said {
  const { method, params }: { readonly method: string; readonly params: Json } = JSON.parse(text);
  const name = params['service_name'] ?? params['service'] ?? '';
  const parameters: unknown = params['parameters'];
  const [body]: readonly Json[] = Array.isArray(parameters) ? parameters : [];
  return { method, service: String(name).split('/').at(-1) ?? '', body: body ?? {} };
}

function usual({ id }: Call, { method, service }: Said, prefix: string): string {
  const name = `${prefix}/sota/${service}`;
  const result = method === 'register_service' ? { status: 0, service: name } : { status: 0 };
  return JSON.stringify({ jsonrpc: '2.0', id: Number(id), result });
}

export type FakeInstallers = Installers & {
  readonly done: string[];
  verdict: InstallResult | Promise<InstallResult>;
  probed: Probe;
  before: string;
};

export function createFakeInstallers(): FakeInstallers {
  const done: string[] = [];
  const self: FakeInstallers = {
    done,
    verdict: { kind: 'installed', description: 'done' },
    probed: { kind: 'not-installed', description: 'not there' },
    before: '{}',
    choose: async () => ({ ok: true, installer }),
    named: (name) => (name === 'command' ? installer : undefined),
    list: async () => ({ ok: true, packages: [{ name: 'base', version: '1' }] }),
    reboot: async () => ({ kind: 'started', description: '' }),
    check: async () => ({ ok: true, description: '' }),
  };
  const installer = {
    name: 'command',
    async prepare() {
      done.push('prepare');
      return { ok: true, before: self.before } as const;
    },
    async run() {
      done.push('run');
      return self.verdict;
    },
    async probe() {
      done.push('probe');
      return self.probed;
    },
    list: self.list,
  } as const;
  return self;
}

export const random = { unit: () => 0.5 };

/** Starts a whole agent on fakes. */
export async function startFake(
  parts: {
    readonly disk?: Disk;
    readonly settings?: Settings;
    readonly clock?: Clock;
    readonly installers?: FakeInstallers;
  } = {},
) {
  const clock = createFakeClock();
  const node = createFakeNode();
  const installers = parts.installers ?? createFakeInstallers();
  const lines = createLines();
  const daemon = must(
    await startDaemon({
      clock: parts.clock ?? clock,
      random,
      log: lines.log,
      disk: parts.disk ?? createMemoryDisk(),
      settings: parts.settings ?? settingsOf(),
      transport: node,
      installers,
      bootId: 'boot-1',
      build: { version: '1.0', builtMs: 0 },
    }),
  );
  await settle();
  return { clock, node, installers, lines, daemon };
}
