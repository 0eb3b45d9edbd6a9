// What we say to the node, one call at a time and in order: acks that overtook each other would
// make the server send chunks twice. An ack is spelled when it leaves, from what is committed by
// then, so a lost one costs nothing and many become one.
import { callTimeoutMs, nameBytesMax } from '../../limits.ts';
import { serverOf, isSame } from '../../core/known-servers.ts';
import { isComplete } from '../../core/resume-strategy.ts';
import { isOutcomePending } from '../../core/progress-ack.ts';
import { inPhase, keyOf, transferOf } from '../../core/decision-helpers.ts';
import { ackIndices } from '../../core/chunk-set.ts';
import { nodeDialects } from './codec/node-dialect.ts';
import { defaultServices, encodeMessage, namesOf, services, vinOf } from './codec/sota.ts';
import { timeoutOf } from './codec/message-expiry.ts';
import { spokenDialect } from './codec/dialects.ts';
import { member, readText } from './codec/fields.ts';
import { isUpdate } from './codec/updates-by-vin.ts';
import type { Event } from '../../core/events.ts';
import type { FailedCall } from '../../core/link-state.ts';
import type { ServerServices, Message, Package, PackageId, State } from '../../core/model.ts';
import type { Settings } from '../../core/settings.ts';
import type { Clock } from '../../host/ports.ts';
import type { Answer, Method } from './codec/jsonrpc.ts';
import type { DialectContext } from './codec/dialects.ts';
import type { JsonObject } from './codec/fields.ts';
import type { Registration, Transport } from './transport/transport.ts';

export type Outgoing =
  | { readonly kind: 'register' }
  | { readonly kind: 'ack'; readonly id: PackageId; readonly empty: boolean }
  | { readonly kind: 'restart-ack'; readonly id: PackageId }
  | { readonly kind: 'keep-alive'; readonly id: PackageId }
  | { readonly kind: 'message'; readonly message: Exclude<Message, { readonly kind: 'ack' }> };

export type SenderParts = {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly transport: Transport;
  /** The build's time: a clock before it is not to be believed. */
  readonly builtMs: number;
  readonly state: () => State;
  readonly submit: (event: Event) => void;
  /** A call failed for the time on this device. */
  readonly onClockInDoubt?: () => void;
};

export function createSender(parts: SenderParts): { say(saying: Outgoing): void } {
  const { clock, settings, transport } = parts;
  const dialect = nodeDialects[settings.rvi.dialect];
  let waiting: Outgoing[] = [];
  let isSpeaking = false;
  let nextId = 1;

  function say(saying: Outgoing): void {
    // Registering comes before everything that needs its names.
    if (saying.kind === 'register') waiting = [saying, ...waiting.filter(isOther(saying))];
    else waiting = [...waiting.filter(isOther(saying)), saying];
    if (!isSpeaking) void speak();
  }

  async function speak(): Promise<void> {
    isSpeaking = true;
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const failed = await utter(next);
      if (failed === undefined) continue;
      // All else would fail alike; whatever is owed is said again when the link is back.
      waiting = [];
      parts.submit({ kind: 'call-failed', ...failed });
    }
    isSpeaking = false;
  }

  /** Why it could not be said; undefined: it was, or there is no need any more. */
  async function utter(saying: Outgoing): Promise<FailedCall | undefined> {
    if (saying.kind === 'register') return register();
    const state = parts.state();
    const message = messageOf(settings, state, saying);
    if (message === undefined) return undefined;
    const { ownServices, vin } = state;
    if (ownServices === undefined) return { reason: 'not registered' };
    const one = packageOf(state, message);
    const known = { ...hintsOf(settings, state, one), names: ownServices };
    const listTo = message.kind === 'packages' ? state.inventoryRequest?.services : undefined;
    const hints = listTo === undefined ? known : { ...known, learned: dialectAt(state, listTo) };
    const to = listTo ?? servicesOf(settings, state, one);
    const outgoing = encodeMessage(message, to, hints, vin);
    if (!outgoing.ok) {
      parts.submit({ kind: 'message-blocked', id: idOf(message), reason: outgoing.reason });
      return undefined;
    }
    const { service, parameters } = outgoing;
    const { messageLifeMs } = settings.rvi;
    const timeout = timeoutOf(clock.wallMs(), parts.builtMs, messageLifeMs);
    const leaves = (leaving: boolean) => {
      if (message.kind !== 'report') return;
      parts.submit({ kind: 'report-in-flight', id: message.report.id, leaving });
    };
    leaves(true);
    const answer = await call('message', { service_name: service, timeout, parameters });
    leaves(false);
    if (!answer.ok) return { ...failureOf(answer), call: 'message' };
    const { outage, link } = parts.state();
    const isRemembered = link.kind === 'up' && link.failures > 0;
    if (outage !== undefined || isRemembered) parts.submit({ kind: 'message-accepted' });
    const isPresent = one === undefined || isSame(one.services, state.server.services);
    if (message.kind !== 'packages' && isPresent && state.server.dialect === undefined) {
      parts.submit({ kind: 'dialect-used', dialect: outgoing.dialect });
    }
    if (message.kind === 'report' || message.kind === 'packages') {
      parts.submit({ kind: 'sent', message: message.kind, id: idOf(message) });
    }
    return undefined;
  }

  async function call(method: Method, params: JsonObject): Promise<Answered> {
    const id = nextId++;
    const text = dialect.encodeCall(id, method, params);
    if (text === undefined) return { ok: false, reason: `${method}: this node cannot be asked` };
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
    // The same one for all: it may be renewed in between.
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
      // Said again in every start: half a surrogate pair in it would crash the node then.
      const name = readText(member(answer.result, 'service'), 'service', nameBytesMax);
      if (!name.ok) {
        const reason = `register_service: the answer names no service: ${name.reason}`;
        return { reason, call: 'register' };
      }
      full.set(service, name.value);
      tell('begun');
    }
    tell('complete');
    const names = namesOf((service) => full.get(service) ?? '');
    const found = await findBackend();
    const vin = vinOf(names.start);
    parts.submit({ kind: 'registered', names, vin, ...found });
    const state = parts.state();
    const update = [...state.packages.values()].find(({ id }) => isUpdate(id));
    if (update !== undefined && state.server.dialect === undefined) {
      const hints = { ...hintsOf(settings, state), names };
      const dialect = spokenDialect({ kind: 'start', id: update.id }, hints);
      parts.submit({ kind: 'dialect-used', dialect });
    }
    return undefined;
  }

  /**
   * Before any notify the node may know the backend, and while that is away it may know of its
   * return. A node that does not answer is no failure.
   */
  async function findBackend(): Promise<Found> {
    const { server, discoveredServices, serverAvailability } = parts.state();
    const isKnown = server.services !== undefined || discoveredServices !== undefined;
    const isAway =
      serverAvailability.untilMs !== undefined && clock.nowMs() < serverAvailability.untilMs;
    if (isKnown && !isAway) return { found: discoveredServices };
    const answer = await call('get_available_services', {});
    const listed = answer.ok ? member(answer.result, 'services') : undefined;
    const all: readonly unknown[] = Array.isArray(listed) ? listed : [];
    const read = all.map((one) => readText(one, 'services', nameBytesMax));
    const names = read.flatMap((one) => (one.ok ? [one.value] : []));
    const wanted = Object.values(servicesOf(settings, parts.state()));
    const isServerListed = answer.ok && wanted.every((one) => names.includes(one));
    return { found: isKnown ? discoveredServices : backendAmong(names), isServerListed };
  }

  return { say };
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

const dialectAt = (state: State, services: ServerServices) =>
  state.previousServers.find((one) => isSame(one.services, services))?.dialect;

/** A node or a proxy may repeat what it was told, the delivery path included, or a part of it. */
function withoutSecret(reason: string): string {
  return reason.replace(/[0-9a-f]{16,}/g, '…');
}

function idOf(message: Message): PackageId | undefined {
  if (message.kind === 'packages') return undefined;
  return message.kind === 'report' ? message.report.id : message.id;
}

/** Two equal sayings are one; of acks for a package the later one counts. */
const isOther = (saying: Outgoing) => (other: Outgoing) =>
  saying.kind === 'ack' && other.kind === 'ack'
    ? keyOf(saying.id) !== keyOf(other.id)
    : JSON.stringify(saying) !== JSON.stringify(other);

function messageOf(
  settings: Settings,
  state: State,
  saying: Exclude<Outgoing, { readonly kind: 'register' }>,
): Message | undefined {
  switch (saying.kind) {
    case 'ack':
      return ackOf(settings, state, saying);
    case 'restart-ack':
      return zeroOf(state, saying.id);
    case 'keep-alive':
      return lastAckOf(settings, state, saying.id);
    case 'message':
      return saying.message;
  }
}

/** Of what is awaited when it leaves, and no more of what is settled by then. */
function lastAckOf(settings: Settings, state: State, id: PackageId): Message | undefined {
  const one = state.packages.get(keyOf(id));
  const transfer = one === undefined ? undefined : transferOf(one);
  if (one === undefined || transfer === undefined || !isOutcomePending(one)) return undefined;
  if (one.isMultiPackage) return undefined;
  return { kind: 'ack', id, chunks: ackIndices(transfer.chunks, settings.rvi.ack) };
}

/** With a transfer there are better ways to move the server. */
function zeroOf(state: State, id: PackageId): Message | undefined {
  const one = state.packages.get(keyOf(id));
  const isUnstarted = one !== undefined && inPhase(one, 'accepted') && !one.isMultiPackage;
  return isUnstarted ? { kind: 'ack', id, chunks: [0] } : undefined;
}

/** No ack after the finish, nor for what is gone (protocol 2.4). */
function ackOf(
  settings: Settings,
  state: State,
  saying: Extract<Outgoing, { readonly kind: 'ack' }>,
): Message | undefined {
  const one = state.packages.get(keyOf(saying.id));
  if (one === undefined) return undefined;
  const isRefused = saying.empty && (inPhase(one, 'reporting') || one.isMultiPackage);
  const isHeld = saying.empty && inPhase(one, 'offered') && one.started !== undefined;
  const isBare = inPhase(one, 'accepted') || isRefused || isHeld;
  if (isBare) return { kind: 'ack', id: one.id, chunks: [] };
  if (!inPhase(one, 'receiving')) return undefined;
  const { transfer, finished } = one.phase;
  if (finished && isComplete(one)) return undefined;
  const chunks = saying.empty ? [] : ackIndices(transfer.chunks, settings.rvi.ack);
  return { kind: 'ack', id: one.id, chunks };
}

/** Whose server hears the message; undefined: it is for the present one. */
function packageOf(state: State, message: Message): Package | undefined {
  const id = idOf(message);
  return id === undefined ? undefined : state.packages.get(keyOf(id));
}

/** What tells which dialect a server speaks: that of a package, or the present one. */
export function hintsOf({ rvi, device }: Settings, state: State, one?: Package): DialectContext {
  const backend = one === undefined ? state.server : serverOf(state, one);
  return { messages: rvi.messages, device, learned: backend.dialect, names: state.ownServices };
}

/** Where messages go: to the server that offered the package, or to the present one. */
export function servicesOf(settings: Settings, state: State, one?: Package): ServerServices {
  const services = one === undefined ? state.server.services : one.services;
  return services ?? state.discoveredServices ?? defaultServices(settings.rvi.backend);
}

/** Four services of one prefix; our own `start` has no `ack` beside it. */
function backendAmong(all: readonly string[]): ServerServices | undefined {
  for (const name of all) {
    if (!name.endsWith('/sota/ack')) continue;
    const services = defaultServices(name.slice(0, -'/sota/ack'.length));
    if (Object.values(services).every((one) => all.includes(one))) return services;
  }
  return undefined;
}
