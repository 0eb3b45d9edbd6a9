// Sends calls to the node, one at a time and in order: acks in the wrong order would make the
// server send chunks twice. A message is built from the committed state when it is sent. So a lost
// one does no harm, and several become one.
import { callTimeoutMs, nameBytesMax } from '../../limits.ts';
import { keyOf } from '../../core/decision-helpers.ts';
import { ackOf, progressAckOf, restartAckOf } from './ack-rules.ts';
import { dialectOfMessage } from './codec/dialects.ts';
import { readText } from './codec/fields.ts';
import { member } from '../../schema.ts';
import { timeoutOf } from './codec/message-expiry.ts';
import { nodeDialects } from './codec/node-dialect.ts';
import { encodeMessage, namesOf, services, vinOf } from './codec/sota.ts';
import { isUpdate } from './codec/updates-by-vin.ts';
import { addressOf, contextOf, serverAmong, servicesOf } from './destination.ts';
import { isSame, servicesOfOrigin } from './known-servers.ts';
import type { PackageId } from '../../core/model.ts';
import type { Settings } from './settings.ts';
import type { Clock } from '../../host/ports.ts';
import type { JsonObject } from '../../schema.ts';
import type { Answer, Method } from './codec/jsonrpc.ts';
import type { FailedCall } from './link-state.ts';
import type { Message, ServerServices } from './messages.ts';
import type { RviAgentState, RviEffect, RviEvent } from './model.ts';
import type { Registration, Transport } from './transport/transport.ts';

export type SenderParts = {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly transport: Transport;
  /** The time of the build: an earlier clock is wrong. */
  readonly builtMs: number;
  readonly state: () => RviAgentState;
  readonly submit: (event: RviEvent) => void;
  /** A call failed because of a wrong clock. */
  readonly onClockInDoubt?: () => void;
};

export function createSender(parts: SenderParts): { send(effect: RviEffect): void } {
  const { clock, settings, transport } = parts;
  const dialect = nodeDialects[settings.rvi.nodeDialect];
  let waiting: RviEffect[] = [];
  let isSending = false;
  let nextId = 1;

  function send(effect: RviEffect): void {
    // All other messages need the names from the registration.
    if (effect.kind === 'register') waiting = [effect, ...waiting.filter(isOther(effect))];
    else waiting = [...waiting.filter(isOther(effect)), effect];
    if (!isSending) void sendAll();
  }

  async function sendAll(): Promise<void> {
    isSending = true;
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const failed = next.kind === 'register' ? await register() : await transmit(next);
      if (failed === undefined) continue;
      // The others would fail, too; due messages are sent again when the link is up.
      waiting = [];
      parts.submit({ kind: 'call-failed', ...failed });
    }
    isSending = false;
  }

  /** Returns why the message was not sent; undefined: it was sent, or is not needed. */
  async function transmit(effect: RviEffect): Promise<FailedCall | undefined> {
    const state = parts.state();
    const message = messageOf(settings, state, effect);
    if (message === undefined) return undefined;
    const { ownServices, vin, server } = state.backend;
    if (ownServices === undefined) return { reason: 'not registered' };
    const id = idOf(message);
    const { to, context } = addressOf(settings, state.backend, message.kind, id);
    const outgoing = encodeMessage(message, to, { ...context, names: ownServices }, vin);
    if (!outgoing.ok) {
      parts.submit({ kind: 'message-blocked', id, reason: outgoing.reason });
      return undefined;
    }
    const { service, parameters } = outgoing;
    const timeout = timeoutOf(clock.wallMs(), parts.builtMs, settings.rvi.messageTtlMs);
    const leaves = (leaving: boolean) => {
      if (message.kind !== 'report') return;
      parts.submit({ kind: 'report-in-flight', id: message.report.id, leaving });
    };
    leaves(true);
    const answer = await call('message', { service_name: service, timeout, parameters });
    leaves(false);
    if (!answer.ok) return { ...failureOf(answer), call: 'message' };
    const { outage, link } = parts.state().backend;
    const isRemembered = link.kind === 'up' && link.failures > 0;
    if (outage !== undefined || isRemembered) parts.submit({ kind: 'message-accepted' });
    const isKnown = id !== undefined && state.core.packages.has(keyOf(id));
    const isPresent = !isKnown || isSame(servicesOfOrigin(state.backend, id), server.services);
    if (message.kind !== 'packages' && isPresent && server.dialect === undefined) {
      parts.submit({ kind: 'dialect-used', dialect: outgoing.dialect });
    }
    if (message.kind === 'report' || message.kind === 'packages') {
      parts.submit({ kind: 'sent', message: message.kind, id });
    }
    return undefined;
  }

  async function call(method: Method, params: JsonObject): Promise<Answered> {
    const id = nextId++;
    const text = dialect.encodeCall(id, method, params);
    if (text === undefined) return { ok: false, reason: `${method}: not supported by this node` };
    const result = await transport.call({ id: String(id), text, timeLimitMs: callTimeoutMs });
    if (!result.ok) {
      if (result.isClockInDoubt === true) parts.onClockInDoubt?.();
      return { ok: false, reason: `${method}: ${result.reason}`, code: result.code };
    }
    const answer = dialect.decodeAnswer(result.text);
    return answer.ok ? answer : { ...answer, reason: `${method}: ${answer.reason}` };
  }

  async function register(): Promise<FailedCall | undefined> {
    const full = new Map<string, string>();
    // All services get the same address, even if it is renewed meanwhile.
    const address = transport.networkAddress;
    const tell = (answer: Registration) => transport.onRegistration?.(answer, address);
    for (const service of services) {
      const where = address === undefined ? {} : { network_address: address };
      const answer = await call('register_service', { ...where, service: `/sota/${service}` });
      if (!answer.ok) {
        tell('refused');
        const failed = failureOf(answer);
        return { ...failed, reason: withoutSecret(failed.reason), call: 'register' };
      }
      // Every start contains this name: an unpaired surrogate in it would crash the node.
      const name = readText(member(answer.result, 'service'), 'service', nameBytesMax);
      if (!name.ok) {
        const reason = `register_service: the answer contains no valid service: ${name.reason}`;
        return { reason, call: 'register' };
      }
      full.set(service, name.value);
      tell('begun');
    }
    tell('complete');
    const names = namesOf((service) => full.get(service) ?? '');
    const found = await findServer();
    const vin = vinOf(names.start);
    parts.submit({ kind: 'registered', names, vin, ...found });
    const state = parts.state();
    const update = [...state.core.packages.values()].find(({ id }) => isUpdate(id));
    if (update !== undefined && state.backend.server.dialect === undefined) {
      const context = { ...contextOf(settings, state.backend), names };
      const dialect = dialectOfMessage({ kind: 'start', id: update.id }, context);
      parts.submit({ kind: 'dialect-used', dialect });
    }
    return undefined;
  }

  /**
   * Before any notify, the node may list the server's services; while the server is offline, the
   * list may show that it is online again. A missing answer is not a failure.
   */
  async function findServer(): Promise<Found> {
    const { server, discoveredServices, serverAvailability } = parts.state().backend;
    const isKnown = server.services !== undefined || discoveredServices !== undefined;
    const { untilMs } = serverAvailability;
    const isOffline = untilMs !== undefined && clock.nowMs() < untilMs;
    if (isKnown && !isOffline) return { found: discoveredServices };
    const answer = await call('get_available_services', {});
    const listed = answer.ok ? member(answer.result, 'services') : undefined;
    const all: readonly unknown[] = Array.isArray(listed) ? listed : [];
    const read = all.map((one) => readText(one, 'services', nameBytesMax));
    const names = read.flatMap((one) => (one.ok ? [one.value] : []));
    const wanted = Object.values(servicesOf(settings, parts.state().backend));
    const isServerListed = answer.ok && wanted.every((one) => names.includes(one));
    return { found: isKnown ? discoveredServices : serverAmong(names), isServerListed };
  }

  return { send };
}

type Found = {
  readonly found: ServerServices | undefined;
  readonly isServerListed?: boolean;
};

type Answered = Answer & { readonly code?: string };

const failureOf = ({ reason, code }: { readonly reason: string; readonly code?: string }) => ({
  reason,
  code,
});

/** A node or a proxy may repeat the call in its answer, with the secret path or a part of it. */
function withoutSecret(reason: string): string {
  return reason.replace(/[0-9a-f]{16,}/g, '…');
}

function idOf(message: Message): PackageId | undefined {
  if (message.kind === 'packages') return undefined;
  return message.kind === 'report' ? message.report.id : message.id;
}

/** Returns true if the later message replaces the earlier: equal ones, or acks of one package. */
const isOther = (effect: RviEffect) => (other: RviEffect) =>
  effect.kind === 'ack' && other.kind === 'ack'
    ? keyOf(effect.id) !== keyOf(other.id)
    : JSON.stringify(effect) !== JSON.stringify(other);

function messageOf(
  settings: Settings,
  state: RviAgentState,
  effect: RviEffect,
): Message | undefined {
  switch (effect.kind) {
    case 'ack':
      return ackOf(settings, state, effect.id, effect.empty);
    case 'restart-ack':
      return restartAckOf(state.core, effect.id);
    case 'progress-ack':
      return progressAckOf(settings, state, effect.id);
    case 'request-start':
      return { kind: 'start', id: effect.id };
    case 'report':
      return { kind: 'report', report: effect.report };
    case 'send-inventory':
      return { kind: 'packages', packages: effect.packages };
    default:
      return undefined;
  }
}
