// A connection to a daemon's socket, read in pieces of a known size, never longer than a limit.
import type { Clock, DiskResult, LocalSockets } from '../../host/ports.ts';

export type LinePorts = { readonly sockets: LocalSockets; readonly clock: Clock };

export type Taken = {
  readonly data: Buffer;
  readonly end: 'whole' | 'closed' | 'late';
};

export type Line = {
  /** Fails when the other end has closed, or `limitMs` have passed without it taking the data. */
  write(data: Uint8Array, limitMs: number): Promise<DiskResult<void>>;
  /** All that was asked for, or what there was when the other end closed or time was up. */
  take(sizeBytes: number, limitMs: number): Promise<Taken>;
  /** From now on instead of `take`; also what came before. */
  listen(onData: (data: Uint8Array) => void): void;
  isClosed(): boolean;
  end(): void;
  close(): void;
};

export type Opened = DiskResult<Line>;

export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve));
}

export async function openLine({ sockets, clock }: LinePorts, path: string): Promise<Opened> {
  let held = Buffer.alloc(0);
  let isClosed = false;
  let onChange = () => {};
  let onData = (data: Uint8Array) => {
    held = Buffer.concat([held, data]);
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
        const data = held.subarray(0, sizeBytes);
        held = held.subarray(data.length);
        resolve({ data, end });
      };
      const look = () => {
        if (held.length >= sizeBytes) finish('whole');
        else if (isClosed) finish('closed');
      };
      const cancel = clock.after(limitMs, () => finish('late'));
      onChange = look;
      look();
    });
  }

  async function write(data: Uint8Array, limitMs: number): Promise<DiskResult<void>> {
    // What is destroyed fails its writes: nobody waits for a daemon that stopped reading.
    const cancel = clock.after(limitMs, () => stream.close());
    const written = await stream.write(data);
    cancel();
    return written;
  }

  function listen(listener: (data: Uint8Array) => void): void {
    onData = listener;
    listener(held);
    held = Buffer.alloc(0);
  }

  const value = { write, take, listen, isClosed: () => isClosed };
  return { ok: true, value: { ...value, end: stream.end, close: stream.close } };
}
