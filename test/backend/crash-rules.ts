// Checks the text of a client's call: finds what crashes a node 0.4, or what a WebSocket edge
// ignores (protocol 1.1, 1.6, 1.7, 1.9). The test's node implements the same rules separately.
import { isBody } from './dialect.ts';
import type { Body } from './dialect.ts';

export type Spelling = 'jsonrpc' | 'rvi-0.4' | 'rvi-0.5';

export function crashesOf(text: string, spelling: Spelling, nowMs: number): readonly string[] {
  const call = parsed(text);
  if (call === undefined) return ['no JSON: 501 (protocol 1.1)'];
  const { id, jsonrpc, method, params } = call;
  const isWhole = id !== undefined && typeof method === 'string' && isBody(params);
  if (!isWhole) return ['id, method or params is missing (protocol 1.1)'];
  const found: string[] = [];
  if (spelling === 'jsonrpc' && jsonrpc !== '2.0') found.push('no "jsonrpc": "2.0" (protocol 1.1)');
  if (hasSurrogateEscape(text)) found.push('a surrogate escape (protocol 1.7, item 4)');
  if (method === 'message') found.push(...ofMessage(params, spelling, nowMs));
  else if (method === 'register_service') {
    const name = spelling === 'jsonrpc' ? 'service' : 'service_name';
    if (typeof params[name] !== 'string') found.push(`no ${name} (protocol 1.2, 1.9)`);
  } else if (method !== 'get_available_services' || spelling === 'rvi-0.4') {
    found.push(`${method} is not answered (protocol 1.1, 1.9)`);
  }
  return found;
}

function ofMessage(params: Body, spelling: Spelling, nowMs: number): readonly string[] {
  const { service_name: name, timeout, parameters } = params;
  const found: string[] = [];
  if (typeof name !== 'string' || name === '') found.push('no service_name (protocol 1.6)');
  if (!isSpelt(parameters, spelling)) {
    found.push(`parameters not as ${spelling} takes them (protocol 1.7, item 1)`);
  }
  if (typeof timeout !== 'number' || !Number.isSafeInteger(timeout)) {
    return [...found, 'timeout is no integer (protocol 1.7, item 2)'];
  }
  const leftMs = timeout * 1_000 - nowMs;
  const waitsMs = leftMs < -86_400_000 ? timeout : leftMs;
  if (waitsMs < 0) found.push('timeout is over already (protocol 1.7, item 3)');
  if (waitsMs > 2 ** 32 - 1) found.push('timeout beyond erlang:send_after (protocol 1.7, item 3)');
  return found;
}

function isSpelt(parameters: unknown, spelling: Spelling): boolean {
  switch (spelling) {
    case 'jsonrpc':
      return Array.isArray(parameters) && parameters.length === 1 && isBody(parameters[0]);
    case 'rvi-0.4':
      return isBody(parameters);
    case 'rvi-0.5': {
      const values = isBody(parameters) ? Object.values(parameters) : [undefined];
      return values.every((one) => typeof one === 'string' && isJson(one));
    }
  }
}

/** Ignores an escaped backslash: `\\ud83d` is six characters, and no surrogate. */
export const hasSurrogateEscape = (text: string) => /(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]/.test(text);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parsed(text: string): Body | undefined {
  const value: unknown = isJson(text) ? JSON.parse(text) : undefined;
  return isBody(value) ? value : undefined;
}
