// `make backend PACKAGE=FILE`: a node and a server to try the agent with by hand. It offers the
// file to whoever registers, prints what goes by, and goes on until Ctrl-C.
import { statSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { createBackend, defaultVin, isReported, vehicleServices } from './backend.ts';
import { nodeRules } from './node-rules.ts';
import { idOfFile, packageOfFile } from './package.ts';
import { serverRules } from './server-rules.ts';
import { lineOf } from './show.ts';
import type { Backend, BackendOptions } from './backend.ts';
import type { ServerPackage } from './package.ts';

const usage = `make backend PACKAGE=FILE [ARGS="..."]
  --port 8901          where the node listens
  --transport http     http or ws
  --server S-C         ${Object.keys(serverRules).join(', ')}
  --node 0.4           ${Object.keys(nodeRules).join(', ')}
  --vin ${defaultVin}
  --name NAME --version VERSION    instead of those in the name of the file`;

type Given = { readonly options: BackendOptions; readonly offered: ServerPackage };

function readArguments(words: readonly string[]): Given {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      port: { type: 'string', default: '8901' },
      transport: { type: 'string', default: 'http' },
      server: { type: 'string', default: 'S-C' },
      node: { type: 'string', default: '0.4' },
      vin: { type: 'string', default: defaultVin },
      name: { type: 'string' },
      version: { type: 'string' },
    },
  });
  const [path] = positionals;
  if (path === undefined) throw new Error('which package? give PACKAGE=FILE');
  if (!statSync(path).isFile()) throw new Error(`${path} is no file`);
  const id = idOfFile(path);
  const { name = id.name, version = id.version, vin } = values;
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error('--port: 0 to 65535');
  const transport = oneOf('--transport', values.transport, ['http', 'ws'] as const);
  const server = oneOf('--server', values.server, ['S-A', 'S-B', 'S-C', 'S-M'] as const);
  const node = oneOf('--node', values.node, ['0.3', '0.4', '0.5.1'] as const);
  // By hand one tries packages as they are; a server may be configured to take them.
  const grammar = { name: /./, version: /./ };
  return {
    options: { port, transport, server, node, vin, grammar },
    offered: packageOfFile({ name, version }, path),
  };
}

function oneOf<Name extends string>(flag: string, given: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === given);
  if (found === undefined) throw new Error(`${flag}: one of ${names.join(', ')}`);
  return found;
}

function print(text: string): void {
  console.log(`${new Date().toISOString().slice(11, 23)}  ${text}`);
}

function run({ options, offered }: Given): Backend {
  const registered = new Set<string>();
  const backend = createBackend({
    ...options,
    onRegistered: (service) => {
      registered.add(service);
      if (!vehicleServices.every((name) => registered.has(name))) return;
      registered.clear();
      print(`${vehicleServices.length} services registered`);
      // A server says it once; here a device that forgot may begin again.
      if (!isReported(backend.server, offered)) backend.server.notify([offered]);
    },
    onSeen: (message) => print(lineOf(message, [offered])),
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
    console.error(`backend: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
    return;
  }
  const { id, sizeBytes, chunksCount } = given.offered;
  print(`${id.name} ${id.version}: ${sizeBytes} bytes, ${chunksCount} chunks`);
  print(`waiting for an agent with rvi.url = "${backend.url}"; Ctrl-C ends`);
}

void main();
