// What the WebSocket edges of 0.4 and 0.5 have in common (protocol 1.9): answers are flat, and what
// the node delivers has no id and expects no answer.
import { withoutMark } from '../../../sanitize.ts';
import { isObject, member } from '../../../schema.ts';
import { answeredText, decodeIncoming, idOf, statusOf } from './jsonrpc.ts';
import type { JsonObject } from '../../../schema.ts';
import type { Answer } from './jsonrpc.ts';

/** Calls that both spell alike; the parameters of a message are what they differ in. */
export function encodeFlat(
  id: number,
  method: string,
  params: JsonObject,
  spell: (parameters: JsonObject) => JsonObject,
): string {
  if (method === 'register_service') {
    // The socket itself says where we are; a parameter by another name gets no reply.
    return JSON.stringify({ id, method, params: { service_name: params['service'] } });
  }
  const { parameters, ...rest } = params;
  const list: readonly unknown[] = Array.isArray(parameters) ? parameters : [];
  const head = isObject(list[0]) ? { parameters: spell(list[0]) } : {};
  return JSON.stringify({ id, method, params: { ...rest, ...head } });
}

export const flat = {
  decodeAnswer(text: string): Answer {
    let value: unknown;
    try {
      value = JSON.parse(withoutMark(text));
    } catch {
      return { ok: false, reason: 'the node did not answer in JSON' };
    }
    return statusOf(isObject(value) ? value : {}, text);
  },

  /** 0.5 repeats the method in its answers, so that it is the status that tells them. */
  answeredId(data: Uint8Array): string | undefined {
    const { value, text } = answeredText(data) ?? {};
    if (value === undefined || text === undefined) return undefined;
    const isCall = member(value, 'params') !== undefined;
    return isCall || member(value, 'status') === undefined ? undefined : idOf(value, text);
  },

  decodeIncoming,

  // A frame that is no call ends the connection at the node.
  encodeAnswer: () => undefined,
  encodeRefusal: () => undefined,
} as const;
