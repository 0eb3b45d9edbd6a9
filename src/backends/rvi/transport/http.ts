// JSON-RPC over HTTP. The node is the server for calls and the client for deliveries. So the agent
// binds a listener before it registers, and sends a POST for every call (protocol 1.1).
import { createDeliveryGate } from './delivery-gate.ts';
import { fixedPath } from './delivery-path.ts';
import { createPoster } from './http-out.ts';
import { listen } from './http-in.ts';
import { createRetry } from './reconnect-backoff.ts';
import type { Way } from './http-agent.ts';
import type { DeliveryPaths } from './delivery-path.ts';
import type { Call, CallResult, Transport } from './transport.ts';
import type { TransportHandlers, TransportPorts } from './transport.ts';

export type HttpOptions = Way & {
  readonly listen: { readonly host: string; readonly port: number };
  /** Addresses and networks from which connections are accepted; empty: all. */
  readonly allow?: readonly string[];
  /** The address to register, without the path; undefined: `http://<listen>`. */
  readonly networkAddress: string | undefined;
  /** The path for deliveries; undefined: `/`. */
  readonly paths?: DeliveryPaths;
  readonly requestTimeMs?: number;
};

export function createHttpTransport(ports: TransportPorts, options: HttpOptions): Transport {
  const { clock, log } = ports;
  const { requestTimeMs = 20_000, allow = [], paths = fixedPath('/') } = options;
  const poster = createPoster(clock, options);
  const gate = createDeliveryGate(clock, { ...options, paths });
  const retry = createRetry(ports);
  let isReported = false;
  let isClosed = false;
  let closeListener: () => Promise<void> = () => Promise.resolve();

  async function open(handlers: TransportHandlers): Promise<void> {
    try {
      await gate.open();
    } catch (error) {
      // The kernel supplied no random bytes.
      const reason = `no delivery path: ${error instanceof Error ? error.message : String(error)}`;
      return down(handlers, reason, () => void open(handlers));
    }
    if (!isClosed) await bind(handlers);
  }

  function down(handlers: TransportHandlers, reason: string, again: () => void): void {
    if (isClosed) return;
    if (isReported) log('debug', 'node-reconnecting', { reason });
    else handlers.onDown(reason);
    isReported = true;
    retry.again(again);
  }

  async function bind(handlers: TransportHandlers): Promise<void> {
    const { refusal } = gate;
    const settings = { ...options.listen, allow, requestTimeMs, refusal };
    const bound = await listen(settings, handlers, { clock, log });
    if (isClosed) return bound.ok ? bound.close() : undefined;
    if (bound.ok) {
      gate.bound(bound.port);
      closeListener = bound.close;
      return handlers.onUp();
    }
    down(handlers, bound.reason, () => void bind(handlers));
  }

  async function call(one: Call): Promise<CallResult> {
    const result = await poster.post(one, gate.sent);
    if (!result.ok) gate.failed();
    return result;
  }

  async function close(): Promise<void> {
    isClosed = true;
    retry.stop();
    gate.close();
    poster.close();
    await closeListener();
  }

  return {
    open: (handlers) => void open(handlers),
    call,
    resume: () => undefined,
    get networkAddress() {
      return gate.address();
    },
    onRegistration: gate.registration,
    renewPath: gate.renew,
    close,
  };
}
