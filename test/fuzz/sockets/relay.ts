// A relay between the agent and a real node. It forwards the frames of both and injects its own, as
// a node under hostile control would.
import { connect, createServer } from 'node:net';
import { listening, portOf } from '../../backend/edge-http.ts';
import { frameOf, opcodes } from './frames.ts';
import { until } from '../../support/idle.ts';
import type { Server, Socket } from 'node:net';

export type Link = {
  inject(data: Buffer): void;
  /** Resolves when the agent has read all injected data, which the pong of a later ping shows. */
  read(what: string): Promise<void>;
  end(how: 'fin' | 'reset'): void;
  /** Forwards nothing more to the agent, not even a pong. */
  silence(): void;
  isClosed(): boolean;
};

export type Relay = {
  readonly url: string;
  /** Resolves with the open connection when there is one. */
  link(): Promise<Link>;
  /** The response to the next connections, until it is undefined again. */
  refuse(answer: string | undefined): void;
  /**
   * Connections that were refused with this response, and how many of them the agent has closed.
   */
  refused(): { readonly came: number; readonly closed: number };
  passTo(url: string): void;
  stop(): Promise<void>;
};

export async function createRelay(): Promise<Relay> {
  let target = '';
  let current: Link | undefined;
  let refusal: string | undefined;
  const refused = { came: 0, closed: 0 };
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    if (refusal === undefined) {
      passOn(socket, target, (link) => (current = link));
      return;
    }
    refused.came += 1;
    socket.on('close', () => (refused.closed += 1)).resume();
    socket.write(refusal);
  });
  await listening(server, 0);

  async function link(): Promise<Link> {
    await until('a link', () => current !== undefined && !current.isClosed());
    if (current === undefined) throw new Error('no link');
    return current;
  }

  return {
    url: `ws://127.0.0.1:${portOf(server.address(), 0)}`,
    link,
    refuse: (answer) => void (refusal = answer),
    refused: () => ({ ...refused }),
    passTo: (url) => void (target = url),
    stop() {
      for (const socket of sockets) socket.destroy();
      return new Promise((done) => void server.close(() => done()));
    },
  };
}

function passOn(agent: Socket, target: string, isOpen: (link: Link) => void): void {
  const node = connect(Number(new URL(target).port), '127.0.0.1');
  const pongs = new Set<string>();
  let isClosed = false;
  let isCut = false;
  let asked = 0;
  node
    .on('error', () => undefined)
    .on('close', () => {
      if (!isClosed) isCut = true;
      agent.destroy();
    });
  agent.on('close', () => {
    isClosed = true;
    node.destroy();
  });
  // Pongs belong to the relay; thousands of them must not reach the node.
  const up = createFrames(
    ({ opcode, payload, whole }) => {
      if (opcode === opcodes.pong) pongs.add(payload.toString());
      else node.write(whole);
    },
    (head) => node.write(head),
  );
  agent.on('data', up);
  let isShaken = false;
  let isSilent = false;
  const silence = () => void (isSilent = true);
  const down = createFrames(
    ({ whole }) => isSilent || agent.write(whole),
    (head) => {
      isShaken = true;
      agent.write(head);
      isOpen({ inject, read, end, silence, isClosed: () => isClosed });
    },
  );
  node.on('data', down);

  function inject(data: Buffer): void {
    if (isShaken && !isClosed) agent.write(data);
  }

  async function read(what: string): Promise<void> {
    asked += 1;
    const mark = `barrier ${asked}`;
    inject(frameOf(Buffer.from(mark), { opcode: opcodes.ping }));
    await until(`a pong: ${what}`, () => {
      const isThere = pongs.delete(mark);
      if (isThere || !isClosed) return isThere;
      throw new Error(`the ${isCut ? 'node' : 'agent'} ended the link: ${what}`);
    });
  }

  function end(how: 'fin' | 'reset'): void {
    if (how === 'fin') agent.end();
    else agent.resetAndDestroy();
  }
}

type Frame = { readonly opcode: number; readonly payload: Buffer; readonly whole: Buffer };

/** Splits the received data into the HTTP head and the frames after it. */
function createFrames(onFrame: (frame: Frame) => void, onHead?: (head: Buffer) => void) {
  let waiting = Buffer.of();
  let isHead = true;
  return (data: Buffer): void => {
    waiting = Buffer.concat([waiting, data]);
    if (isHead) {
      const end = waiting.indexOf('\r\n\r\n');
      if (end < 0) return;
      isHead = false;
      onHead?.(waiting.subarray(0, end + 4));
      waiting = waiting.subarray(end + 4);
    }
    for (let frame = next(waiting); frame !== undefined; frame = next(waiting)) {
      waiting = waiting.subarray(frame.whole.length);
      onFrame(frame);
    }
  };
}

function next(data: Buffer): Frame | undefined {
  if (data.length < 2) return undefined;
  const [first = 0, second = 0] = data;
  const isMasked = second >= 0x80;
  const short = second & 127;
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  const start = 2 + extra + (isMasked ? 4 : 0);
  if (data.length < start) return undefined;
  const size =
    short === 126 ? data.readUInt16BE(2) : short === 127 ? Number(data.readBigUInt64BE(2)) : short;
  if (data.length < start + size) return undefined;
  const payload = Buffer.from(data.subarray(start, start + size));
  if (isMasked)
    for (const [at, byte] of payload.entries()) {
      payload[at] = byte ^ (data[start - 4 + (at % 4)] ?? 0);
    }
  return { opcode: first & 15, payload, whole: Buffer.from(data.subarray(0, start + size)) };
}
