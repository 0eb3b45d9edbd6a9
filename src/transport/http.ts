// JSON-RPC over HTTP. The node is our server for calls and our client for deliveries, so there is a
// listener, bound before anything is registered, and a POST for every call (protocol 1.1).
import { createPoster } from './http-out.ts';
import { listen } from './http-in.ts';
import { createRetry } from './retrying.ts';
import type { Way } from './agents.ts';
import type { Transport, TransportHandlers, TransportPorts } from './transport.ts';

export type HttpOptions = Way & {
  readonly listen: { readonly host: string; readonly port: number };
  /** Addresses and networks that may deliver; empty: all. */
  readonly allow?: readonly string[];
  /** What the node is told; undefined: `http://<listen>`. */
  readonly networkAddress: string | undefined;
  readonly requestTimeMs?: number;
};

export function createHttpTransport(ports: TransportPorts, options: HttpOptions): Transport {
  const { clock, log } = ports;
  const { requestTimeMs = 20_000, allow = [] } = options;
  const { host } = options.listen;
  const poster = createPoster(clock, options);
  const retry = createRetry(ports);
  let port = options.listen.port;
  let isTold = false;
  let isClosed = false;
  let closeListener: () => Promise<void> = () => Promise.resolve();

  async function bind(handlers: TransportHandlers): Promise<void> {
    const bound = await listen({ ...options.listen, allow, requestTimeMs }, handlers, log);
    if (isClosed) return bound.ok ? bound.close() : undefined;
    if (bound.ok) {
      port = bound.port;
      closeListener = bound.close;
      return handlers.onUp();
    }
    if (isTold) log('debug', 'link-retried', { reason: bound.reason });
    else handlers.onDown(bound.reason);
    isTold = true;
    retry.again(() => void bind(handlers));
  }

  async function close(): Promise<void> {
    isClosed = true;
    retry.stop();
    poster.close();
    await closeListener();
  }

  return {
    open: (handlers) => void bind(handlers),
    call: poster.post,
    resume: () => undefined,
    get networkAddress() {
      return options.networkAddress ?? `http://${host}:${port}`;
    },
    close,
  };
}
