// JSON-RPC over one WebSocket that the agent opens: calls and answers in both directions, each in a
// text frame. A lost connection is opened again, with exponential backoff and full jitter.
import { reconnectDelayMsMaxOf } from '../local-node.ts';
import { createAgent } from './http-agent.ts';
import { createCalls } from './pending-calls.ts';
import { failure, internal } from './errors.ts';
import { guarded } from './guard.ts';
import { createLink } from './websocket-connection.ts';
import { createRetry } from './reconnect-backoff.ts';
import type { Way } from './http-agent.ts';
import type { Link } from './websocket-connection.ts';
import type { Call, CallFailure, CallResult } from './transport.ts';
import type { Transport, TransportHandlers, TransportPorts } from './transport.ts';

export function createWebSocketTransport(ports: TransportPorts, way: Way): Transport {
  const { clock, log } = ports;
  const ours = createAgent(clock, way, {});
  const calls = createCalls(clock);
  const retry = createRetry(ports, (failures) => reconnectDelayMsMaxOf(way.url, failures));
  let link: Link | undefined;
  let down: CallFailure = failure('closed', `${way.url}: not connected yet`);
  let isReported = false;
  let isClosed = false;

  function open(handlers: TransportHandlers): void {
    const dial = () => {
      link = createLink(clock, way.url, ours, {
        onOpen() {
          isReported = false;
          handlers.onUp();
        },
        onText: (data) => receive(handlers, data),
        onAlive: retry.held,
        onEnd: (why) => lost(handlers, why),
      });
    };
    guarded(dial, (error) => lost(handlers, internal(error, way.url)))();
  }

  function lost(handlers: TransportHandlers, why: CallFailure): void {
    link = undefined;
    down = why;
    calls.failAll(why);
    if (isClosed) return;
    if (isReported) log('debug', 'node-reconnecting', { reason: why.reason });
    else handlers.onDown(why.reason);
    isReported = true;
    retry.again(() => open(handlers), why.isClockInDoubt);
  }

  function receive(handlers: TransportHandlers, data: Buffer): void {
    const id = handlers.answeredId(data);
    if (id !== undefined) {
      if (!calls.answer(id, data.toString())) log('debug', 'response-unmatched', { id });
      return;
    }
    const text = handlers.receive(data);
    if (text !== undefined) link?.send(text);
    // After the pause, at most the data of one socket read follows, which is less than a chunk.
    if (handlers.isFull()) link?.pause();
  }

  async function call(made: Call): Promise<CallResult> {
    if (link?.isOpen() !== true) return down;
    const answered = calls.wait(made);
    const asked = link;
    asked.send(made.text);
    const result = await answered;
    if (!result.ok && result.code === 'timeout') asked.doubt();
    return result;
  }

  async function close(): Promise<void> {
    isClosed = true;
    retry.stop();
    down = failure('closed', 'the agent ends');
    calls.failAll(down);
    link?.end(1001, down);
    ours.agent.destroy();
  }

  return { open, call, resume: () => link?.resume(), networkAddress: undefined, close };
}
