// The WebSocket dialect of node 0.5 (protocol 1.9): the parameters of a message are an object whose
// values are JSON texts. Node 0.5.1 does not reply to anything else.
import { encodeFlat, flat } from './rvi-websocket.ts';
import type { JsonObject } from '../../../schema.ts';
import type { Method } from './jsonrpc.ts';

export const rvi05 = {
  ...flat,
  encodeCall: (id: number, method: Method, params: JsonObject): string | undefined =>
    encodeFlat(id, method, params, inTexts),
} as const;

function inTexts(parameters: JsonObject): JsonObject {
  const entries = Object.entries(parameters);
  return Object.fromEntries(entries.map(([name, value]) => [name, JSON.stringify(value)]));
}
