// A fake SWUpdate daemon with a given behaviour: for releases that Debian does not have, and for
// rare behaviour of a real one.
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { encodeProgress, greetingOf } from '../../../support/swupdate-messages.ts';
import type { Server, Socket } from 'node:net';
import type { LayoutName, Message } from '../../../support/swupdate-messages.ts';

export type FakeOptions = {
  /** The size of a control message; for fewer bytes it closes the connection, like the real one. */
  readonly sizeBytes: number;
  /** Undefined: no progress socket. */
  readonly layout: LayoutName | undefined;
  /** The answer to each request in turn; the last one repeats. Empty text: ACK. */
  readonly refusals?: readonly string[];
  /** Closes the connection after it has read so many bytes. */
  readonly readBytesMax?: number;
  readonly result?: 'success' | 'failure' | 'none';
  /** Messages on the progress socket before the start of the request. */
  readonly earlier?: readonly Message[];
  /** Lines of its log after the end. */
  readonly lines?: readonly string[];
  /** Installs for another client; its log still has these earlier lines of the idle state. */
  readonly idleLines?: readonly string[];
  /** The result of an earlier install. */
  readonly lastResult?: number;
  /** Accepts the request and ignores it. */
  readonly isForgetful?: boolean;
  /** Accepts connections and sends nothing. */
  readonly isSilent?: boolean;
};

export type Fake = {
  readonly received: () => Buffer;
  readonly requests: () => number;
  readonly info: () => string;
  stop(): Promise<void>;
};

const infoOffset: ReadonlyMap<number, number> = new Map([
  [3120, 32],
  [3112, 32],
  [3104, 24],
  [3100, 24],
]);

export async function createFake(folder: string, options: FakeOptions): Promise<Fake> {
  const { sizeBytes, layout } = options;
  const watchers = new Set<Socket>();
  const sockets = new Set<Socket>();
  const refusals = [...(options.refusals ?? [''])];
  const lines: string[] = [];
  const idleLines = [...(options.idleLines ?? [])];
  let received = Buffer.alloc(0);
  let [requests, state, info] = [0, '1', ''];
  let [current, lastResult] = [idleLines.length > 0 ? 2 : 0, options.lastResult ?? 0];

  function answer(socket: Socket, type: number, fill: (data: Buffer) => void): void {
    const data = Buffer.alloc(sizeBytes);
    data.writeUInt32LE(0x14052001, 0);
    data.writeInt32LE(type, 4);
    fill(data);
    socket.write(data);
  }

  function tell(message: Message): void {
    if (layout === undefined) return;
    for (const watcher of watchers) watcher.write(encodeProgress(layout, message));
  }

  function serve(socket: Socket, first: Buffer): void {
    if (options.isSilent === true) return;
    if (first.length < sizeBytes) return void socket.end();
    const type = first.readInt32LE(4);
    if (type === 0) return install(socket, first);
    if (type === 3) {
      const idle = idleLines.shift();
      const line = idle ?? lines.shift() ?? '';
      answer(socket, 1, (data) => {
        data.writeInt32LE(idle !== undefined ? 0 : line === '' ? current : 4, 8);
        data.writeInt32LE(lastResult, 12);
        data.write(line, 20);
      });
    } else if (type === 7) {
      state = first.toString('latin1', 8, 9);
      answer(socket, 1, (data) => void data.write(state, 8));
    } else answer(socket, 1, (data) => void data.write(state, 8));
    socket.end();
  }

  function install(socket: Socket, first: Buffer): void {
    requests++;
    const refusal = refusals.length > 1 ? refusals.shift() : refusals[0];
    if (refusal !== undefined && refusal !== '') {
      answer(socket, 2, (data) => void data.write(refusal.trim(), 8));
      return void socket.end();
    }
    const offset = infoOffset.get(sizeBytes) ?? 0;
    info = first.toString('latin1', offset, offset + 512).replace(/\0.*$/s, '');
    for (const message of options.earlier ?? []) tell(message);
    if (options.isForgetful === true) {
      answer(socket, 1, () => undefined);
      return void socket.resume();
    }
    current = 2;
    received = Buffer.from(first.subarray(sizeBytes));
    answer(socket, 1, () => undefined);
    tell({ status: 1, stepsCount: 1, info });
    tell({ status: 8, stepsCount: 1, step: 1, percent: 40, image: 'app', handler: 'rawfile' });
    let isOver = false;
    const finish = () => {
      if (isOver || options.result === 'none') return;
      isOver = true;
      lastResult = options.result === 'failure' ? 4 : 3;
      if (lastResult === 3) state = '1';
      lines.push(...(options.lines ?? []));
      tell({ status: lastResult, stepsCount: 1, step: 1, percent: 100 });
      current = 0;
      tell({ status: 0, source: 0 });
    };
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      if (received.length < (options.readBytesMax ?? Infinity)) return;
      socket.destroy();
      finish();
    });
    socket.on('end', () => {
      socket.end();
      finish();
    });
  }

  function listen(name: string, serveOne: (socket: Socket) => void): Promise<Server> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      serveOne(socket);
    });
    return new Promise((done) => server.listen(join(folder, name), () => done(server)));
  }

  const servers = [
    await listen('sockinstctrl', (socket) => {
      socket.once('data', (data: Buffer) => serve(socket, data));
      socket.on('end', () => socket.end());
    }),
  ];
  if (layout !== undefined) {
    const greeting = greetingOf(layout);
    const watch = (socket: Socket) => {
      watchers.add(socket);
      socket.write(greeting);
    };
    servers.push(await listen('swupdateprog', watch));
  }
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await Promise.all(servers.map((one) => new Promise((done) => one.close(done))));
    rmSync(join(folder, 'swupdateprog'), { force: true });
  };
  return { received: () => received, requests: () => requests, info: () => info, stop };
}
