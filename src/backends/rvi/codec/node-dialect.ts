// The dialects of the calls between a node and its client. Each has its own file; this table lists
// them.
import { jsonrpc } from './jsonrpc.ts';
import { rvi04 } from './rvi-0.4.ts';
import { rvi05 } from './rvi-0.5.ts';
import type { JsonObject } from '../../../schema.ts';
import type { Settings } from '../settings.ts';
import type { Answer, CallId, Incoming, Method } from './jsonrpc.ts';

export type NodeDialect = {
  /** Undefined: this node never answers the method, so the agent does not call it. */
  encodeCall(id: number, method: Method, params: JsonObject): string | undefined;
  /** Decodes the node's answer to a call of the agent. */
  decodeAnswer(text: string): Answer;
  /** Returns the JSON text of the id if the data is an answer; undefined if it is a call. */
  answeredId(data: Uint8Array): string | undefined;
  decodeIncoming(text: string): Incoming;
  /** Undefined: the node expects no answer. */
  encodeAnswer(id: CallId): string | undefined;
  encodeRefusal(id: CallId, code: number, reason: string): string | undefined;
};

export const nodeDialects: { readonly [name in Settings['rvi']['nodeDialect']]: NodeDialect } = {
  jsonrpc,
  'rvi-0.4': rvi04,
  'rvi-0.5': rvi05,
};
