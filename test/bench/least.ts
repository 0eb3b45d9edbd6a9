// The least client: the minimum of this protocol on Node's own HTTP or on `ws`. It syncs twice a
// chunk and acknowledges the whole list. It has one transfer in memory, checks only the base64, and
// has no limit, no timer and no recovery.
//
// It is frozen, because the aim for CPU is a ratio to it: change it only with the aim.
//
//   least URL OUT
import { createHash } from 'node:crypto';
import { fdatasync, openSync, write } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import process from 'node:process';
import { WebSocket } from 'ws';

const [url = '', out = ''] = process.argv.slice(2);
const [data, journal] = [openSync(out, 'w'), openSync(`${out}.journal`, 'w')];
const hash = createHash('sha1');
const held: number[] = [];
const vin = 'V1234567890123456';
let journalBytes = 0;
let nextId = 1;
let send: (text: string) => void = () => undefined;

function call(method: string, params: object): void {
  send(JSON.stringify({ jsonrpc: '2.0', id: nextId++, method, params }));
}

function say(service: string, body: object): void {
  const timeout = Math.floor(Date.now() / 1000) + 90;
  const parameters = [{ vin, ...body }];
  call('message', { service_name: `genivi.org/backend/sota/${service}`, timeout, parameters });
}

function register(networkAddress?: string): void {
  for (const service of ['notify', 'start', 'chunk', 'finish', 'getpackages', 'abort']) {
    call('register_service', { network_address: networkAddress, service: `/sota/${service}` });
  }
}

/** Returns the response; undefined if the message is a response itself. */
function receive(came: Buffer): string | undefined {
  const { id, method, params } = JSON.parse(came.toString());
  if (method === undefined) return undefined;
  const [body] = params.parameters;
  if (params.service_name === '/sota/notify') {
    say('start', { packages: [body.packages[0].package], services: {} });
  } else if (params.service_name === '/sota/start') {
    say('ack', { package: body.package, chunks: held });
  } else if (params.service_name === '/sota/chunk') take(body);
  else say('report', { package: body.package, status: true, description: hash.digest('hex') });
  return JSON.stringify({ jsonrpc: '2.0', id, result: { status: 0 } });
}

function take(body: { index: number; bytes: string; package: object }): void {
  const bytes = Buffer.from(body.bytes, 'base64');
  if (bytes.toString('base64') !== body.bytes) throw new Error('not strict base64');
  const record = Buffer.from(JSON.stringify(['c', 1, body.index, bytes.length, 0xffffffff]));
  store(data, bytes, (body.index - 1) * 65_536, () => {
    store(journal, record, journalBytes, () => {
      held.push(body.index);
      hash.update(bytes);
      say('ack', { package: body.package, chunks: held });
    });
    journalBytes += record.length;
  });
}

function store(file: number, bytes: Buffer, offsetBytes: number, done: () => void): void {
  write(file, bytes, 0, bytes.length, offsetBytes, (failed) => {
    if (failed !== null) throw failed;
    fdatasync(file, (unsynced) => {
      if (unsynced !== null) throw unsynced;
      done();
    });
  });
}

function overWebSocket(): void {
  const socket = new WebSocket(url, [], { perMessageDeflate: false });
  send = (text) => socket.send(text);
  socket.on('open', () => register());
  socket.on('message', (came) => {
    const answer = Buffer.isBuffer(came) ? receive(came) : undefined;
    if (answer !== undefined) socket.send(answer);
  });
}

const head = (body: Buffer) => ({
  'Content-Type': 'application/json',
  'Content-Length': body.length,
});

function overHttp(): void {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  send = (text) => {
    const body = Buffer.from(text);
    const options = { hostname, port, agent, method: 'POST', headers: head(body) };
    request(options, (response) => void response.resume()).end(body);
  };
  const server = createServer((delivery, response) => {
    const parts: Buffer[] = [];
    delivery.on('data', (part: Buffer) => parts.push(part));
    delivery.on('end', () => {
      const body = Buffer.from(receive(Buffer.concat(parts)) ?? '');
      response.writeHead(200, head(body)).end(body);
    });
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (typeof address === 'object') register(`http://127.0.0.1:${address?.port}`);
  });
}

if (url.startsWith('ws')) overWebSocket();
else overHttp();
