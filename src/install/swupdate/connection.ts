// A connection to a socket of the daemon. Reads pieces of a known size, and never waits longer than
// a limit.
import type { Clock, DiskResult, LocalSockets } from '../../host/ports.ts';

export type SocketPorts = { readonly sockets: LocalSockets; readonly clock: Clock };

export type Taken = { readonly data: Buffer; readonly end: 'complete' | 'closed' | 'timed-out' };

export type Connection = {
  /** Fails if the other end has closed, or does not take the data within `limitMs`. */
  write(data: Uint8Array, limitMs: number): Promise<DiskResult<void>>;
  /** Returns `sizeBytes`, or less if the other end closes or the time is over. */
  take(sizeBytes: number, limitMs: number): Promise<Taken>;
  /** Replaces `take`: passes on all data, also what was received before. */
  listen(onData: (data: Uint8Array) => void): void;
  isClosed(): boolean;
  /** Closes the direction to the daemon only. */
  end(): void;
  close(): void;
};

export async function connect(
  { sockets, clock }: SocketPorts,
  path: string,
): Promise<DiskResult<Connection>> {
  let received = Buffer.alloc(0);
  let isClosed = false;
  let onChange = () => {};
  let onData = (data: Uint8Array) => {
    received = Buffer.concat([received, data]);
  };
  const connected = await sockets.connect(path, {
    onData: (data) => {
      onData(data);
      onChange();
    },
    onClosed: () => {
      isClosed = true;
      onChange();
    },
  });
  if (!connected.ok) return connected;
  const stream = connected.value;

  function take(sizeBytes: number, limitMs: number): Promise<Taken> {
    return new Promise((resolve) => {
      const finish = (end: Taken['end']) => {
        cancel();
        onChange = () => {};
        const data = received.subarray(0, sizeBytes);
        received = received.subarray(data.length);
        resolve({ data, end });
      };
      const look = () => {
        if (received.length >= sizeBytes) finish('complete');
        else if (isClosed) finish('closed');
      };
      const cancel = clock.after(limitMs, () => finish('timed-out'));
      onChange = look;
      look();
    });
  }

  async function write(data: Uint8Array, limitMs: number): Promise<DiskResult<void>> {
    // Closing the stream fails a write that the daemon does not take.
    const cancel = clock.after(limitMs, () => stream.close());
    const written = await stream.write(data);
    cancel();
    return written;
  }

  function listen(listener: (data: Uint8Array) => void): void {
    onData = listener;
    listener(received);
    received = Buffer.alloc(0);
  }

  const value = { write, take, listen, isClosed: () => isClosed };
  return { ok: true, value: { ...value, end: stream.end, close: stream.close } };
}
