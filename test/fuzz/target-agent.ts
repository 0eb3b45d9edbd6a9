// An honest transfer in the middle of the attack: in each of its turns the server delivers the next
// message, and repeats it after the response "busy".
import { keyOf } from '../../src/core/decision-helpers.ts';
import { indicesOf } from '../../src/core/chunk-set.ts';
import { decodeIncoming } from '../../src/backends/rvi/codec/jsonrpc.ts';
import { decodeRequest, serviceOf } from '../../src/backends/rvi/codec/sota.ts';
import { hints } from '../support/core.ts';
import { callOf, tellingOf, targetName, targetOf } from './session.ts';
import type { Request } from '../../src/backends/rvi/messages.ts';
import type { State } from '../../src/agent/backend.ts';
import type { DialectName } from '../backend/dialects.ts';

/** Delivers the next message. Returns false if the server has none left. */
export type Victim = (state: State, deliver: (data: Buffer) => string | undefined) => boolean;

export function createVictim(dialect: DialectName): Victim {
  const { id } = targetOf(dialect);
  const telling = tellingOf(dialect, targetOf(dialect));
  let isFinished = false;

  /** A server sends what the last ack lacks; here the state of the agent replaces the ack. */
  function next({
    core: { packages },
  }: State): readonly [service: string, body: object] | undefined {
    const phase = packages.get(keyOf(id))?.phase;
    if (isFinished) return undefined;
    if (phase === undefined) return ['notify', telling.notify()];
    if (phase.kind === 'accepted') return ['start', telling.start()];
    if (phase.kind !== 'receiving') return undefined;
    const held = indicesOf(phase.transfer.chunks);
    const missing = [2, 1, 3].find((index) => !held.includes(index));
    return missing === undefined ? ['finish', telling.finish()] : ['chunk', telling.chunk(missing)];
  }

  return (state, deliver) => {
    const [service, body] = next(state) ?? [];
    if (service === undefined) return false;
    const answer = deliver(Buffer.from(JSON.stringify(callOf(1, service, body)))) ?? '';
    const isTaken = answer.includes('"status":0');
    if (!isTaken && !answer.includes('-32000')) throw new Error(`the target is refused: ${answer}`);
    isFinished ||= isTaken && service === 'finish';
    return true;
  };
}

/** Returns the request as the agent decodes it. */
export function requestOf(data: Buffer): Request | undefined {
  const incoming = decodeIncoming(data.toString());
  const service = incoming.kind === 'message' ? serviceOf(incoming.service, undefined) : undefined;
  if (incoming.kind !== 'message' || service === undefined) return undefined;
  const read = decodeRequest(service, incoming.parameters, hints);
  return read.ok ? read.value : undefined;
}

/** Returns true for an order of the server itself: it may end the transfer, so it is no attack. */
export function isOrder(data: Buffer): boolean {
  const request = requestOf(data);
  if (request?.kind === 'abort' && request.id === undefined) return true;
  return request !== undefined && 'id' in request && request.id?.name === targetName;
}
