// The WebSocket dialect of node 0.4 (protocol 1.9): the parameters of a message are one object,
// which the node puts into a list. A list from the agent would crash the node's service edge.
import { encodeFlat, flat } from './rvi-websocket.ts';
import type { JsonObject } from '../../../schema.ts';
import type { Method } from './jsonrpc.ts';

export const rvi04 = {
  ...flat,
  encodeCall(id: number, method: Method, params: JsonObject): string | undefined {
    // The node fails to encode its answer to this method, and sends none.
    if (method === 'get_available_services') return undefined;
    return encodeFlat(id, method, params, (parameters) => parameters);
  },
} as const;
