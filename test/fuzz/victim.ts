// A transfer that is as it should be, in the middle of the attack: its server delivers the next
// message whenever it has its turn, and again where it was told "busy".
import { keyOf } from '../../src/core/decision.ts';
import { indicesOf } from '../../src/core/held.ts';
import { decodeIncoming } from '../../src/protocol/jsonrpc.ts';
import { decodeRequest, serviceOf } from '../../src/protocol/sota.ts';
import { hints } from '../support/core.ts';
import { callOf, chunkOf, notifyOf, parcelOf, startOf } from './session.ts';
import type { Request, State } from '../../src/core/model.ts';
import type { Parcel } from './session.ts';

const parts = [Buffer.alloc(65_536, 'x'), Buffer.alloc(65_536, 'y'), Buffer.from('the end')];
export const victim: Parcel = parcelOf('victim', Buffer.concat(parts));

/** Delivers the next message. False: the server has none left. */
export type Victim = (state: State, deliver: (data: Buffer) => string | undefined) => boolean;

export function createVictim(): Victim {
  let isFinished = false;
  return (state, deliver) => {
    const next = nextOf(state, isFinished);
    if (next === undefined) return false;
    const answer = deliver(Buffer.from(JSON.stringify(next))) ?? '';
    const isTaken = answer.includes('"status":0');
    if (!isTaken && !answer.includes('-32000')) throw new Error(`the victim is refused: ${answer}`);
    isFinished ||= isTaken && next === finish;
    return true;
  };
}

const finish = callOf(6, 'finish', { package: victim.id });

/** A server sends what the last ack lacks; here it reads it from the agent itself. */
function nextOf(state: State, isFinished: boolean): object | undefined {
  const one = state.packages.get(keyOf(victim.id));
  if (isFinished) return undefined;
  if (one === undefined) return callOf(1, 'notify', notifyOf([victim]));
  if (one.phase.kind === 'accepted') return callOf(2, 'start', startOf(victim));
  if (one.phase.kind !== 'receiving') return undefined;
  const held = indicesOf(one.phase.transfer.held);
  const missing = [2, 1, 3].find((index) => !held.includes(index));
  return missing === undefined ? finish : callOf(3, 'chunk', chunkOf(victim, missing));
}

/** As the agent reads it. */
export function requestOf(data: Buffer): Request | undefined {
  const incoming = decodeIncoming(data.toString());
  const service = incoming.kind === 'message' ? serviceOf(incoming.service) : undefined;
  if (incoming.kind !== 'message' || service === undefined) return undefined;
  const read = decodeRequest(service, incoming.parameters, hints);
  return read.ok ? read.value : undefined;
}

/** An order of the server's own: who may give it may end the transfer, and that is no attack. */
export function isOrder(data: Buffer): boolean {
  const request = requestOf(data);
  if (request?.kind === 'abort' && request.id === undefined) return true;
  return request !== undefined && 'id' in request && request.id?.name === victim.id.name;
}
