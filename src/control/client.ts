// The client of the control socket: sends a request and returns the answer, or why there is none.
import { controlAnswerBytesMax, controlAnswerMs } from '../limits.ts';
import { createLineReader } from './line-reader.ts';
import { decodeResponse, encodeLine } from './protocol.ts';
import type { Clock, LocalSockets, LocalStream } from '../host/ports.ts';
import type { ControlRequest, ReceivedResponse } from './protocol.ts';

export type ClientPorts = { readonly sockets: LocalSockets; readonly clock: Clock };

/** No connection; `code` is the errno name of the connect call. */
export type Unreachable = {
  readonly kind: 'unreachable';
  readonly code: string;
  readonly reason: string;
};
/** The connection ended before the answer was complete. */
export type ConnectionLost = { readonly kind: 'lost'; readonly reason: string };
export type RequestResult =
  | { readonly kind: 'answered'; readonly response: ReceivedResponse }
  | Unreachable
  | ConnectionLost;
export type RequestEnd = { readonly kind: 'stopped' } | Unreachable | ConnectionLost;

export type OpenRequest = { readonly ended: Promise<RequestEnd>; stop(): void };

export async function sendRequest(
  ports: ClientPorts,
  path: string,
  request: ControlRequest,
): Promise<RequestResult> {
  let response: ReceivedResponse | undefined;
  const open = openRequest(ports, path, request, (received, stop) => {
    response = received;
    stop();
  });
  const cancel = ports.clock.after(controlAnswerMs, () => open.stop());
  const ended = await open.ended;
  cancel();
  if (response !== undefined) return { kind: 'answered', response };
  if (ended.kind !== 'stopped') return ended;
  return { kind: 'lost', reason: `no answer within ${controlAnswerMs / 1000} s` };
}

/** Sends `request`; calls `onResponse` for each line until `stop` or the end of the connection. */
export function openRequest(
  { sockets }: ClientPorts,
  path: string,
  request: ControlRequest,
  onResponse: (response: ReceivedResponse, stop: () => void) => void,
): OpenRequest {
  const lines = createLineReader(controlAnswerBytesMax);
  let stream: LocalStream | undefined;
  let isOver = false;
  let resolveEnd: (ended: RequestEnd) => void = () => undefined;
  const ended = new Promise<RequestEnd>((resolve) => (resolveEnd = resolve));

  const end = (how: RequestEnd) => {
    isOver = true;
    resolveEnd(how);
    stream?.close();
  };
  const stop = () => end({ kind: 'stopped' });
  const onData = (data: Uint8Array) => {
    lines.push(data);
    for (let line = lines.take(); line !== undefined && !isOver; line = lines.take()) {
      const response = decodeResponse(line);
      onResponse(response.ok ? response.value : response, stop);
    }
    if (lines.isTooLong() && !isOver)
      end({ kind: 'lost', reason: `the answer exceeds ${controlAnswerBytesMax} bytes` });
  };
  const onClosed = (reason: string) => end({ kind: 'lost', reason });
  const connect = async () => {
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
  void connect();
  return { ended, stop };
}
