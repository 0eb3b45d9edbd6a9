// Connects to the node through an HTTP proxy (CONNECT). A failure message names the proxy.
import { request as overTcp } from 'node:http';
import { request as overTls } from 'node:https';
import { callTimeoutMs } from '../../../limits.ts';
import { asError, errorOf, failure, failureOf, thrownFailure } from './errors.ts';
import { guarded } from './guard.ts';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ProxyAddress } from '../settings.ts';
import type { Clock } from '../../../host/ports.ts';
import type { Leg } from './errors.ts';

export type Connected = (error: Error | null, socket?: Duplex) => void;
export type Cancel = (why: Error) => void;

export const proxyName = ({ host, port }: ProxyAddress) =>
  `the proxy ${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Calls `done` once, with a socket connected to `target` (host:port), or with an error. */
export function tunnel(clock: Clock, proxy: ProxyAddress, target: string, done: Connected): Cancel {
  const where = proxyName(proxy);
  const leg: Leg = { where, party: 'proxy' };
  let asked: ClientRequest | undefined;
  let isDone = false;
  const settle: Connected = (error, socket) => {
    if (isDone) return;
    isDone = true;
    stopTimer();
    done(error, socket);
  };
  // Calls `settle` itself: after `connect`, a destroyed request emits no error.
  const cancel: Cancel = (why) => {
    settle(why);
    asked?.destroy();
  };
  const stopTimer = clock.after(callTimeoutMs, () => {
    const reason = `${where} did not answer within ${callTimeoutMs} ms: check rvi.proxy`;
    cancel(errorOf(failure('timeout', reason)));
  });
  const broke = (error: Error) => cancel(errorOf(thrownFailure(error, leg)));
  guarded(() => {
    asked = ask(proxy, target);
    // Node emits `connect` for every answer to a CONNECT, also for a failure.
    asked.on(
      'connect',
      guarded((answer: IncomingMessage, socket: Duplex, head: Buffer) => {
        // Without a listener, a reset by the proxy would end the agent.
        socket.on('error', () => undefined);
        if (answer.statusCode !== 200) {
          socket.destroy();
          return cancel(errorOf(refusal(answer, where, target)));
        }
        if (head.length > 0) socket.unshift(head);
        settle(null, socket);
      }, broke),
    );
    asked.on('error', (error) => settle(errorOf(failureOf(asError(error), leg))));
    asked.end();
  }, broke)();
  return cancel;
}

function ask(proxy: ProxyAddress, target: string): ClientRequest {
  const { host, port, authorization } = proxy;
  const request = proxy.isSecure ? overTls : overTcp;
  return request({
    // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED in the environment changes the default.
    ...{ minVersion: 'TLSv1.2', rejectUnauthorized: true },
    ...{ host, port, method: 'CONNECT', path: target, agent: false },
    headers: {
      Host: target,
      ...(authorization === undefined ? {} : { 'Proxy-Authorization': authorization }),
    },
  });
}

function refusal({ statusCode = 0 }: IncomingMessage, where: string, target: string) {
  const hints = new Map([
    [401, 'it requires a user and a password'],
    [403, `it does not allow a connection to ${target}`],
    [407, 'it requires a user and a password'],
    [502, `it cannot reach ${target}`],
    [503, `it cannot reach ${target}`],
    [504, `it got no answer from ${target}`],
  ]);
  const hint = hints.get(statusCode) ?? `it did not open a connection to ${target}`;
  const answer = `${where} answered HTTP status ${statusCode}`;
  return failure('refused', `${answer}: ${hint}: check rvi.proxy`);
}
