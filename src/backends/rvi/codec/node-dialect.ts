// How a node and its client spell their calls. The transport carries the texts, the agent says what
// is meant; a file for each dialect, this table names them.
import { jsonrpc } from './jsonrpc.ts';
import { rvi04 } from './rvi-0.4.ts';
import { rvi05 } from './rvi-0.5.ts';
import type { JsonObject } from '../../../schema.ts';
import type { Settings } from '../settings.ts';
import type { Answer, CallId, Incoming, Method } from './jsonrpc.ts';

export type NodeDialect = {
  /** Undefined: this node has no answer to that, so it is not asked. */
  encodeCall(id: number, method: Method, params: JsonObject): string | undefined;
  /** The node's answer to a call of ours. */
  decodeAnswer(text: string): Answer;
  /** JSON text of the id when the data answers a call of ours rather than being a call. */
  answeredId(data: Uint8Array): string | undefined;
  decodeIncoming(text: string): Incoming;
  /** Undefined: no answer is expected. */
  encodeAnswer(id: CallId): string | undefined;
  encodeRefusal(id: CallId, code: number, reason: string): string | undefined;
};

export const nodeDialects: { readonly [name in Settings['rvi']['nodeDialect']]: NodeDialect } = {
  jsonrpc,
  'rvi-0.4': rvi04,
  'rvi-0.5': rvi05,
};
