// The service edge of a node, call by call: how its releases parse and answer JSON-RPC, and how
// Erlang represents the parameters (protocol 1.1, 1.6).
import { hasSurrogateEscape } from './crash-rules.ts';
import { isBody } from './dialect.ts';
import type { Body } from './dialect.ts';
import type { NodeRules } from './node-rules.ts';

/** The address of a client: posts one JSON-RPC text, and ignores the result (protocol 1.6). */
export type Route = { readonly name: string; readonly post: (text: string) => void };
/** Returns undefined if the parameters of the registration have no address. */
export type RouteOf = (params: Body) => Route | undefined;

export type Reply =
  | { readonly kind: 'json'; readonly text: string }
  /** For a notification: HTTP 200 without a body. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'internal-error' }
  /** The handler crashed: the connection is closed without a reply. */
  | { readonly kind: 'closed' };

/** Undefined: a parameter is missing or has a wrong type, which is an error of the handler. */
export type Result = Body | 'crash' | undefined;

export function answer(
  rules: NodeRules,
  text: string,
  perform: (method: string, params: Body) => Result,
): Reply {
  // A surrogate escape crashes the parser, and the edge with it (protocol 1.6).
  if (rules.isErlangFragile && hasSurrogateEscape(text)) return { kind: 'closed' };
  const call = parse(text);
  if (call === undefined && rules.isParserFragile) return { kind: 'internal-error' };
  if (!isBody(call) || call['jsonrpc'] !== '2.0') return refusal(undefined, -32700);
  const { id, method, params } = call;
  if (typeof method !== 'string' || params === undefined) return refusal(undefined, -32700);
  // A notification, which the node ignores (protocol 1.1).
  if (id === undefined) return { kind: 'nothing' };
  const result = isBody(params) ? perform(method, params) : undefined;
  if (result === 'crash') return { kind: 'closed' };
  if (result === undefined) return refusal(id, -32603);
  const named = rules.isMethodNamed ? { method } : {};
  return json({ jsonrpc: '2.0', id, result: { ...result, ...named } });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const json = (value: Body): Reply => ({ kind: 'json', text: JSON.stringify(value) });

function refusal(id: unknown, code: number): Reply {
  const error = { code, message: 'json error' };
  return json({ jsonrpc: '2.0', ...(id === undefined ? {} : { id }), error });
}

const dayMs = 86_400_000;

/**
 * Seconds since 1970; if that is more than a day ago, milliseconds from the present (protocol 1.6).
 */
export function leftMsOf(timeout: number, nowMs: number): number {
  const leftMs = timeout * 1_000 - nowMs;
  return leftMs < -dayMs ? timeout : leftMs;
}

/** Erlang represents a list of bytes, and an empty list, as a string (protocol 1.6). */
export function asErlang(parameters: unknown): unknown {
  if (!Array.isArray(parameters)) return parameters;
  const list: readonly unknown[] = parameters;
  const isByte = (one: unknown) => Number.isInteger(one) && Number(one) >= 0 && Number(one) < 256;
  return list.every(isByte) ? String.fromCharCode(...list.map(Number)) : parameters;
}
