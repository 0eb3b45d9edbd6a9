// The WebSocket edge of node 0.4 (protocol 1.9): the parameters of a message are one bare object,
// which the node puts into a list itself. A list of ours would crash its service edge.
import { encodeFlat, flat } from './rvi-websocket.ts';
import type { JsonObject } from '../../../schema.ts';
import type { Method } from './jsonrpc.ts';

export const rvi04 = {
  ...flat,
  encodeCall(id: number, method: Method, params: JsonObject): string | undefined {
    // It trips over its own answer to that, and never gives one.
    if (method === 'get_available_services') return undefined;
    return encodeFlat(id, method, params, (parameters) => parameters);
  },
} as const;
