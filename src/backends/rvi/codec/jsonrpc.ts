// JSON-RPC 2.0 between agent and node, in both directions: the only dialect over HTTP, and one of
// three over WebSocket. `sota.ts` decodes the server's messages inside.
import { withoutMark } from '../../../sanitize.ts';
import { wellFormed } from './fields.ts';
import { isObject, member } from '../../../schema.ts';
import { rawMember } from './json-raw-member.ts';
import { fromTexts } from './texts.ts';
import type { JsonObject } from '../../../schema.ts';

/** JSON text of an id, which the answer repeats; undefined: a notification, without an answer. */
export type CallId = string | undefined;

export type Incoming =
  | {
      readonly kind: 'message';
      readonly id: CallId;
      readonly service: string;
      readonly parameters: unknown;
    }
  | {
      readonly kind: 'services';
      readonly id: CallId;
      readonly isAvailable: boolean;
      readonly services: readonly string[];
    }
  | {
      readonly kind: 'refused';
      readonly id: CallId;
      readonly code: number;
      readonly reason: string;
    };

/** The answers to a message that the agent rejects. */
export const errorCodes = {
  // The message is not JSON.
  parse: -32700,
  // The message is not a request.
  request: -32600,
  // The agent does not offer this service.
  method: -32601,
  // A field is wrong; the answer names it by its path.
  params: -32602,
  // The agent is busy. Fix: Send the message again.
  busy: -32000,
  // The message is too large.
  tooLarge: -32001,
} as const;

/**
 * Reads a call of the node. The `jsonrpc` member is optional: 0.4 gives it another name (protocol
 * 1.9).
 */
export function decodeIncoming(text: string): Incoming {
  let value: unknown;
  try {
    value = JSON.parse(withoutMark(text));
  } catch {
    return { kind: 'refused', id: 'null', code: errorCodes.parse, reason: 'this is not JSON' };
  }
  if (!isObject(value)) {
    return { kind: 'refused', id: 'null', code: errorCodes.request, reason: 'not an object' };
  }
  return decodeCall(value, idOf(value, text));
}

export function idOf(value: JsonObject, text: string): CallId {
  const id = member(value, 'id');
  if (id === undefined) return undefined;
  const isExact = typeof id !== 'number' || Number.isSafeInteger(id);
  if (isExact && typeof id !== 'object') return JSON.stringify(id);
  return rawMember(text, 'id') || 'null';
}

function decodeCall(value: JsonObject, id: CallId): Incoming {
  const method = member(value, 'method');
  const params = member(value, 'params');
  if (typeof method !== 'string') {
    return { kind: 'refused', id, code: errorCodes.request, reason: 'method: a string is needed' };
  }
  if (method === 'services_available' || method === 'services_unavailable') {
    const listed = isObject(params) ? member(params, 'services') : undefined;
    const all: readonly unknown[] = Array.isArray(listed) ? listed : [];
    const services = all.filter((one) => typeof one === 'string');
    return { kind: 'services', id, isAvailable: method === 'services_available', services };
  }
  if (method !== 'message') {
    return { kind: 'refused', id, code: errorCodes.method, reason: 'method: not offered here' };
  }
  const service = isObject(params) ? member(params, 'service_name') : undefined;
  if (!isObject(params) || typeof service !== 'string') {
    const reason = 'params.service_name: a string is needed';
    return { kind: 'refused', id, code: errorCodes.params, reason };
  }
  return { kind: 'message', id, service, parameters: unwrapped(member(params, 'parameters')) };
}

/**
 * Over HTTP the parameters are usually a list of one element. Some routes through the node drop the
 * list, and only its first element is ever used (protocol 2).
 */
function unwrapped(parameters: unknown): unknown {
  const list: readonly unknown[] = Array.isArray(parameters) ? parameters : [parameters];
  return fromTexts(list[0]);
}

/** Sent before any fsync: the node waits only one second for it (protocol 1.6). */
export function encodeAnswer(id: CallId): string | undefined {
  return id === undefined ? undefined : `{"jsonrpc":"2.0","id":${id},"result":{"status":0}}`;
}

export function encodeRefusal(id: CallId, code: number, reason: string): string | undefined {
  const message = JSON.stringify(wellFormed(reason));
  return id === undefined
    ? undefined
    : `{"jsonrpc":"2.0","id":${id},"error":{"code":${code},"message":${message}}}`;
}

export type Method = 'register_service' | 'get_available_services' | 'message';

export function encodeCall(id: number, method: Method, params: JsonObject): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

export type Answer =
  | { readonly ok: true; readonly result: JsonObject }
  | { readonly ok: false; readonly reason: string };

/**
 * Decodes the node's answer to a call. The result contains a status other than 0 (protocol 1.1).
 */
export function decodeAnswer(text: string): Answer {
  let value: unknown;
  try {
    value = JSON.parse(withoutMark(text));
  } catch {
    return { ok: false, reason: 'the node did not answer in JSON' };
  }
  const result = isObject(value) ? member(value, 'result') : undefined;
  if (!isObject(result)) {
    return { ok: false, reason: `the node answered with an error: ${text.slice(0, quotedMax)}` };
  }
  return member(result, 'status') === undefined ? { ok: true, result } : statusOf(result, text);
}

export function statusOf(result: JsonObject, text: string): Answer {
  const status = member(result, 'status');
  return status === 0
    ? { ok: true, result }
    : {
        ok: false,
        reason: `the node answered with status ${brief(status, text)}${meaningOf(status)}`,
      };
}

/** The status codes of a node (protocol 1.1). */
const meanings: ReadonlyMap<unknown, string> = new Map([
  [1, 'invalid command'],
  [2, 'not found'],
  [3, 'not available'],
  [4, 'internal error'],
  [5, 'already connected'],
  [6, 'no route'],
  [7, 'unauthorized'],
]);

function meaningOf(status: unknown): string {
  const meaning = meanings.get(status);
  return meaning === undefined ? '' : ` (${meaning})`;
}

const quotedMax = 200;

/** Serializes only flat values: JSON.stringify fails on deeply nested ones. */
const brief = (value: unknown, text: string) =>
  (typeof value === 'object' || value === undefined ? text : JSON.stringify(value)).slice(
    0,
    quotedMax,
  );

/** Answers of a node are short. Longer data is a delivery, which is not parsed twice. */
const answerBytesMax = 65_536;

export function answeredText(
  data: Uint8Array,
): { readonly value: JsonObject; readonly text: string } | undefined {
  if (data.length > answerBytesMax) return undefined;
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
  let value: unknown;
  try {
    value = JSON.parse(withoutMark(text));
  } catch {
    return undefined;
  }
  return isObject(value) ? { value, text } : undefined;
}

/** Returns the JSON text of the id if the data is an answer; undefined if it is a call. */
export function answeredId(data: Uint8Array): string | undefined {
  const { value, text } = answeredText(data) ?? {};
  if (value === undefined || text === undefined) return undefined;
  return member(value, 'method') === undefined ? idOf(value, text) : undefined;
}

export const jsonrpc = {
  encodeCall,
  decodeAnswer,
  answeredId,
  decodeIncoming,
  encodeAnswer,
  encodeRefusal,
} as const;
