// The way through an HTTP proxy: CONNECT to the node. A failure of it is the proxy's, and says so.
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

/** Calls `done` once, with a socket that leads to `target` (host:port), or with the reason. */
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
  // By itself: a request whose socket was handed over emits no error any more.
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
    // Whatever the answer to a CONNECT is, Node gives the socket away with it.
    asked.on(
      'connect',
      guarded((answer: IncomingMessage, socket: Duplex, head: Buffer) => {
        // Until its next owner listens: a proxy that resets it would end the agent.
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
    // Said, since the environment (NODE_TLS_REJECT_UNAUTHORIZED) could unsay it else.
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
    [401, 'it wants a user and a password'],
    [403, `it does not allow a way to ${target}`],
    [407, 'it wants a user and a password'],
    [502, `it cannot reach ${target}`],
    [503, `it cannot reach ${target}`],
    [504, `it gets no answer from ${target}`],
  ]);
  const hint = hints.get(statusCode) ?? `it does not open a way to ${target}`;
  const answer = `${where} answered HTTP status ${statusCode}`;
  return failure('refused', `${answer}: ${hint}: check rvi.proxy`);
}
