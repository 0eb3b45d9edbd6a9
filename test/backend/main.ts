// `make backend PACKAGE=FILE NODE= SERVER= DIALECT= TRANSPORT=`: a node and a server to try the
// agent with by hand. It writes a configuration for the agent, offers the file to each vehicle that
// registers, prints the messages, and runs until Ctrl-C.
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { createBackend, defaultVin, isReported, vehicleServices } from './backend.ts';
import { dialects } from './dialects.ts';
import { nodeRules } from './node-rules.ts';
import { idOfFile, packageOfFile } from './package.ts';
import { serverKinds } from './server-rules.ts';
import { lineOf } from './show.ts';
import { createThinning } from './thin.ts';
import { commandsOf, writeTrial } from './trial.ts';
import type { Backend, BackendOptions } from './backend.ts';
import type { Fault, Passing } from './node.ts';
import type { ServerPackage } from './package.ts';

const usage = `make backend PACKAGE=FILE [NODE= SERVER= DIALECT= TRANSPORT=] [ARGS="..."]
  --port 8901          where the node listens
  --transport http     http; rvi: WebSocket as nodes 0.4 and 0.5.1 spell it; ws: JSON-RPC there
  --server S-C         ${serverKinds.join(', ')}
  --node 0.4           ${Object.keys(nodeRules).join(', ')}
  --dialect P1         ${Object.keys(dialects).join(', ')}
  --confirm            P2 and P3: the server wants a person to be asked
  --vin ${defaultVin}
  --name NAME --version VERSION    instead of those in the name of the file
  --chunk-ms 0         wait before each chunk, so that there is time to end the agent in between
  --dir build/try      for the configuration, the state and the files of the agent
  --all                print every chunk and ack, not only those of each tenth`;

type Given = {
  readonly options: BackendOptions;
  readonly offered: ServerPackage;
  /** For the files of the agent. */
  readonly folder: string;
  readonly isAll: boolean;
  readonly isConfirmationWanted: boolean;
};

function readArguments(words: readonly string[]): Given {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      port: { type: 'string', default: '8901' },
      transport: { type: 'string', default: 'http' },
      server: { type: 'string', default: 'S-C' },
      node: { type: 'string', default: '0.4' },
      dialect: { type: 'string', default: 'P1' },
      confirm: { type: 'boolean', default: false },
      vin: { type: 'string', default: defaultVin },
      name: { type: 'string' },
      version: { type: 'string' },
      'chunk-ms': { type: 'string', default: '0' },
      dir: { type: 'string', default: 'build/try' },
      all: { type: 'boolean', default: false },
    },
  });
  const [path, spare] = positionals;
  if (path === undefined) throw new Error('which package? give PACKAGE=FILE');
  if (spare !== undefined) throw new Error(`one package only, not also ${spare}`);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new Error(`there is no file ${path}`);
  }
  const id = idOfFile(path);
  const { name = id.name, version = id.version, vin } = values;
  const port = numberOf('--port', values.port, 65_535);
  const delayMs = numberOf('--chunk-ms', values['chunk-ms'], 10_000);
  const transport = oneOf('--transport', values.transport, ['http', 'ws', 'rvi'] as const);
  const server = oneOf('--server', values.server, serverKinds);
  const node = oneOf('--node', values.node, ['0.3', '0.4', '0.5.1'] as const);
  if (transport === 'rvi' && node === '0.3') throw new Error('--node: 0.3 is known by http only');
  const dialect = oneOf('--dialect', values.dialect, ['P1', 'P2', 'P3'] as const);
  // A user may try any package; a real server can be configured to accept it.
  const grammar = { name: /./, version: /./ };
  const fault = ({ service }: Passing): Fault =>
    service === '/sota/chunk' && delayMs > 0 ? { kind: 'delay', delayMs } : { kind: 'pass' };
  return {
    // Without the adapter a server cannot read what 0.5.1 passes on (protocol 1.9).
    options: { port, transport, server, node, dialect, vin, grammar, fault, hasAdapter: true },
    offered: packageOfFile({ name, version }, path),
    folder: resolve(values.dir),
    isAll: values.all,
    isConfirmationWanted: values.confirm,
  };
}

function numberOf(flag: string, given: string, max: number): number {
  const value = Number(given);
  if (!Number.isInteger(value) || value < 0 || value > max) throw new Error(`${flag}: 0 to ${max}`);
  return value;
}

function oneOf<Name extends string>(flag: string, given: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === given);
  if (found === undefined) throw new Error(`${flag}: one of ${names.join(', ')}`);
  return found;
}

function print(text: string): void {
  console.log(`${new Date().toISOString().slice(11, 23)}  ${text}`);
}

function run({ options, offered, isAll, isConfirmationWanted }: Given): Backend {
  const registered = new Set<string>();
  const thinning = createThinning(offered.chunksCount, 10);
  const backend = createBackend({
    ...options,
    onRegistered: (service) => {
      registered.add(service);
      if (!vehicleServices.every((name) => registered.has(name))) return;
      registered.clear();
      print(`${vehicleServices.length} services registered`);
      thinning.beginAnew();
      // A real server offers a package once; this one offers it to a reset device again.
      if (isReported(backend.server, offered)) return;
      backend.server.notify([offered], isConfirmationWanted);
    },
    onSeen: (message) => {
      if (isAll || thinning.isShown(message)) print(lineOf(message, [offered]));
    },
  });
  return backend;
}

async function main(): Promise<void> {
  let given: Given;
  try {
    given = readArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`backend: ${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exitCode = 2;
    return;
  }
  const backend = run(given);
  const end = () => void backend.stop().then(() => process.exit(0));
  process.on('SIGINT', end).on('SIGTERM', end);
  try {
    await backend.start();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const mend = reason.includes('EADDRINUSE') ? '; give another: ARGS="--port 0"' : '';
    console.error(`backend: ${reason}${mend}`);
    process.exitCode = 1;
    return;
  }
  const { id, sizeBytes, chunksCount } = given.offered;
  const { transport, node } = given.options;
  const spelt = transport !== 'rvi' ? 'jsonrpc' : node === '0.4' ? 'rvi-0.4' : 'rvi-0.5';
  const file = writeTrial(given.folder, backend.url, spelt);
  console.log(commandsOf(given.folder, file).join('\n'));
  print(`${id.name} ${id.version}: ${sizeBytes} bytes, ${chunksCount} chunks; at ${backend.url}`);
}

void main();
