// What the WebSocket dialects of 0.4 and 0.5 share (protocol 1.9): answers have no `result` object,
// and deliveries have no id and expect no answer.
import { withoutMark } from '../../../sanitize.ts';
import { isObject, member } from '../../../schema.ts';
import { answeredText, decodeIncoming, idOf, statusOf } from './jsonrpc.ts';
import type { JsonObject } from '../../../schema.ts';
import type { Answer } from './jsonrpc.ts';

/**
 * Encodes a call. The two dialects differ only in the parameters of a message: `encodeParameters`.
 */
export function encodeFlat(
  id: number,
  method: string,
  params: JsonObject,
  encodeParameters: (parameters: JsonObject) => JsonObject,
): string {
  if (method === 'register_service') {
    // The node delivers on this socket. It does not reply if a parameter has another name.
    return JSON.stringify({ id, method, params: { service_name: params['service'] } });
  }
  const { parameters, ...rest } = params;
  const list: readonly unknown[] = Array.isArray(parameters) ? parameters : [];
  const head = isObject(list[0]) ? { parameters: encodeParameters(list[0]) } : {};
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

  /** 0.5 repeats the method in its answers, so the status identifies an answer. */
  answeredId(data: Uint8Array): string | undefined {
    const { value, text } = answeredText(data) ?? {};
    if (value === undefined || text === undefined) return undefined;
    const isCall = member(value, 'params') !== undefined;
    return isCall || member(value, 'status') === undefined ? undefined : idOf(value, text);
  },

  decodeIncoming,

  // The node closes the connection after a frame that is not a call.
  encodeAnswer: () => undefined,
  encodeRefusal: () => undefined,
} as const;
