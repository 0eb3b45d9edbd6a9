// The parts of the NBD protocol (fixed newstyle, one export, simple replies) that qemu needs to use
// a `VolatileDisk` as the guest's data disk, over a Unix socket.
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import type { VolatileDisk } from './disk.ts';

export type NbdServer = {
  /** Ends the connections: later requests do not reach the disk. */
  disconnect(): void;
  close(): Promise<void>;
};

export type NbdOptions = {
  readonly path: string;
  readonly disk: VolatileDisk;
  /** If it returns true, the write is not answered. */
  readonly isHeld?: (data: Buffer) => boolean;
  /** Called after each write, held or in the cache, and after each flush. */
  readonly onChange: (kind: Change) => void;
};

export type Change = 'write' | 'hold' | 'flush';

const optionMagic = 0x49484156454f5054n;
const optionReplyMagic = 0x3e889045565a9n;
const options = { exportName: 1, abort: 2, info: 6, go: 7 };
const replies = { ack: 1, info: 3, unsupported: 0x80000001 };
const requestMagic = 0x25609513;
const replyMagic = 0x67446698;
const commands = { read: 0, write: 1, disconnect: 2, flush: 3 };
/** HAS_FLAGS, SEND_FLUSH, SEND_FUA. */
const exportFlags = 1 | 4 | 8;
const requestHeadBytes = 28;

export function serveNbd(given: NbdOptions): Promise<NbdServer> {
  const sockets = new Set<Socket>();
  rmSync(given.path, { force: true });
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    talk(socket, given);
  });
  const disconnect = () => {
    for (const socket of sockets) {
      socket.removeAllListeners('data');
      socket.destroy();
    }
  };
  const close = () => {
    disconnect();
    return new Promise<void>((done) => server.close(() => done()));
  };
  return new Promise((resolve) => {
    server.listen(given.path, () => resolve({ disconnect, close }));
  });
}

const never = () => false;

/** Returns how the disk takes changes. */
function changesOf(disk: VolatileDisk) {
  return (change: Change, offset: number, data: Buffer, isDurable: boolean) => {
    if (change === 'flush') disk.flush();
    else if (change === 'hold') disk.hold(offset, data);
    else disk.write(offset, data, isDurable);
  };
}

function talk(socket: Socket, { disk, isHeld = never, onChange }: NbdOptions): void {
  const apply = changesOf(disk);
  let buffered: Buffer = Buffer.alloc(0);
  let step: () => boolean = hello;
  socket.write(Buffer.concat([Buffer.from('NBDMAGIC'), u64(optionMagic), u16(3)]));
  socket.on('data', (data) => {
    buffered = Buffer.concat([buffered, data]);
    while (step());
  });

  function take(bytes: number): Buffer {
    const taken = buffered.subarray(0, bytes);
    buffered = buffered.subarray(bytes);
    return taken;
  }

  function hello(): boolean {
    if (buffered.length < 4) return false;
    take(4);
    step = option;
    return true;
  }

  function option(): boolean {
    if (buffered.length < 16 || buffered.length < 16 + buffered.readUInt32BE(12)) return false;
    const head = take(16);
    take(head.readUInt32BE(12));
    const kind = head.readUInt32BE(8);
    const size = Buffer.concat([u64(BigInt(disk.sizeBytes)), u16(exportFlags)]);
    const reply = (type: number, data?: Buffer) => void socket.write(optionReply(kind, type, data));
    if (kind === options.exportName) socket.write(size);
    else if (kind === options.info || kind === options.go) {
      reply(replies.info, Buffer.concat([u16(0), size]));
      reply(replies.ack);
    } else if (kind === options.abort) socket.end();
    else reply(replies.unsupported);
    if (kind === options.go || kind === options.exportName) step = request;
    return true;
  }

  function request(): boolean {
    if (buffered.length < requestHeadBytes) return false;
    const kind = buffered.readUInt16BE(6);
    const length = buffered.readUInt32BE(24);
    const payloadBytes = kind === commands.write ? length : 0;
    if (buffered.length < requestHeadBytes + payloadBytes) return false;
    const head = take(requestHeadBytes);
    const data = take(payloadBytes);
    if (head.readUInt32BE(0) !== requestMagic) socket.destroy();
    else serve(kind, head, length, data);
    return true;
  }

  function serve(kind: number, head: Buffer, length: number, data: Buffer): void {
    const offset = Number(head.readBigUInt64BE(16));
    const answer = (more?: Buffer) => {
      // After the power loss the disk must not answer a flush: it could not keep the data.
      if (!disk.isFrozen()) socket.write(replyTo(head, more));
    };
    if (kind === commands.disconnect) return void socket.end();
    if (kind === commands.read) return answer(disk.read(offset, length));
    const isDurable = (head.readUInt16BE(4) & 1) !== 0;
    const ofWrite = () => (!disk.isFrozen() && isHeld(data) ? 'hold' : 'write');
    const change = kind === commands.write ? ofWrite() : 'flush';
    apply(change, offset, data, isDurable);
    // Called before the response: a power loss may come between the write and all after it.
    onChange(change);
    if (change !== 'hold') answer();
  }
}

function optionReply(kind: number, type: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const parts = [u64(optionReplyMagic), u32(kind), u32(type), u32(data.length), data];
  return Buffer.concat(parts);
}

function replyTo(head: Buffer, data: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([u32(replyMagic), u32(0), head.subarray(8, 16), data]);
}

function u16(value: number): Buffer {
  const data = Buffer.alloc(2);
  data.writeUInt16BE(value);
  return data;
}

function u32(value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeUInt32BE(value);
  return data;
}

function u64(value: bigint): Buffer {
  const data = Buffer.alloc(8);
  data.writeBigUInt64BE(value);
  return data;
}
