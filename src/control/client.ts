// The other end of the control socket: a request, its answer, or a reason why there is none.
import { controlAnswerBytesMax, controlAnswerMs } from '../limits.ts';
import { createLines } from './line-reader.ts';
import { decodeResponse, encodeLine } from './protocol.ts';
import type { Clock, LocalSockets, LocalStream } from '../host/ports.ts';
import type { ControlRequest, ReceivedResponse } from './protocol.ts';

export type ClientPorts = { readonly sockets: LocalSockets; readonly clock: Clock };

/** `code` is the errno name of the connect. */
export type Unreached = {
  readonly kind: 'unreachable';
  readonly code: string;
  readonly reason: string;
};
/** It was there and did not answer (to the end). */
export type Lost = { readonly kind: 'lost'; readonly reason: string };
export type Asked =
  | { readonly kind: 'answered'; readonly response: ReceivedResponse }
  | Unreached
  | Lost;
export type Ended = { readonly kind: 'stopped' } | Unreached | Lost;

export type Conversation = { readonly ended: Promise<Ended>; stop(): void };

export async function ask(
  ports: ClientPorts,
  path: string,
  request: ControlRequest,
): Promise<Asked> {
  let response: ReceivedResponse | undefined;
  const talk = converse(ports, path, request, (came, stop) => {
    response = came;
    stop();
  });
  const late = ports.clock.after(controlAnswerMs, () => talk.stop());
  const ended = await talk.ended;
  late();
  if (response !== undefined) return { kind: 'answered', response };
  if (ended.kind !== 'stopped') return ended;
  return { kind: 'lost', reason: `no answer within ${controlAnswerMs / 1000} s` };
}

/** Sends `request`; `onResponse` gets each line that comes, until `stop` or the daemon's end. */
export function converse(
  { sockets }: ClientPorts,
  path: string,
  request: ControlRequest,
  onResponse: (response: ReceivedResponse, stop: () => void) => void,
): Conversation {
  const lines = createLines(controlAnswerBytesMax);
  let stream: LocalStream | undefined;
  let isOver = false;
  let settle: (ended: Ended) => void = () => undefined;
  const ended = new Promise<Ended>((resolve) => (settle = resolve));

  const end = (how: Ended) => {
    isOver = true;
    settle(how);
    stream?.close();
  };
  const stop = () => end({ kind: 'stopped' });
  const onData = (data: Uint8Array) => {
    lines.push(data);
    for (let line = lines.take(); line !== undefined && !isOver; line = lines.take()) {
      const response = decodeResponse(line);
      onResponse(response.ok ? response.value : response, stop);
    }
    if (lines.isOver() && !isOver) end({ kind: 'lost', reason: 'the answer is too long' });
  };
  const onClosed = (reason: string) => end({ kind: 'lost', reason });
  const begin = async () => {
    const connected = await sockets.connect(path, { onData, onClosed });
    if (!connected.ok) {
      const { code, reason } = connected;
      return end({ kind: 'unreachable', code, reason });
    }
    stream = connected.value;
    if (isOver) return stream.close();
    const written = await stream.write(encodeLine(request));
    if (!written.ok) end({ kind: 'lost', reason: written.reason });
  };
  void begin();
  return { ended, stop };
}
