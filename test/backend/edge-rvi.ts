// The WebSocket edges of nodes 0.4 and 0.5.1 (protocol 1.9): calls and answers are no JSON-RPC,
// deliveries have no id, parameters are bare or texts. A call in another format gets no reply.
import { isBody } from './dialect.ts';
import { hasSurrogateEscape } from './crash-rules.ts';
import type { Body } from './dialect.ts';
import type { Tongue } from './edge-ws.ts';
import type { Reply, Result, RouteOf } from './node-calls.ts';
import type { NodeKind } from './node-rules.ts';
import type { RviNode } from './node.ts';

type Heard = { readonly id: unknown; readonly method: string; readonly params: Body };

const silence: Reply = { kind: 'nothing' };
const pingEveryMs = 10_000;

export function createRviTongue(kind: NodeKind, node: RviNode): Tongue {
  if (kind === '0.3') throw new Error('how node 0.3 speaks over a WebSocket is not known');
  const is04 = kind === '0.4';

  function hear(text: string, routeOf: RouteOf): Reply {
    // As over HTTP, a crash of the parser ends the edge (protocol 1.7).
    if (is04 && hasSurrogateEscape(text)) return crash();
    const call = parse(text);
    if (call === undefined) return silence;
    const result = act(call, routeOf);
    if (result === 'crash') return { kind: 'closed' };
    if (result === undefined) return silence;
    const named = is04 ? {} : { method: call.method };
    return { kind: 'json', text: JSON.stringify({ id: call.id, ...result, ...named }) };
  }

  function act({ method, params }: Heard, routeOf: RouteOf): Result {
    switch (method) {
      case 'register_service':
      case 'unregister_service': {
        const { service_name: service, ...rest } = params;
        return node.perform(method, { ...rest, service }, routeOf);
      }
      case 'message': {
        const parameters = is04 ? inList(params['parameters']) : fromTexts(params['parameters']);
        if (parameters === 'crash') return crashed();
        if (parameters === undefined) return undefined;
        return node.perform(method, { ...params, parameters }, routeOf);
      }
      case 'get_available_services':
        return is04 ? undefined : node.perform(method, params, routeOf);
      default:
        return undefined;
    }
  }

  function crashed(): 'crash' {
    node.crash();
    return 'crash';
  }

  function crash(): Reply {
    node.crash();
    return { kind: 'closed' };
  }

  function tell(text: string): string | undefined {
    const { method, params } = parse(text) ?? { method: '', params: {} };
    const spelt = is04 && method === 'message' ? bare(params) : params;
    // The node writes `json-rpc` with a hyphen.
    return spelt && JSON.stringify({ 'json-rpc': '2.0', method, params: spelt });
  }

  return { hear, tell, takesFragments: false, failsSubprotocols: is04, pingEveryMs };
}

function parse(text: string): Heard | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isBody(value)) return undefined;
  const { id, method, params } = value;
  return id !== undefined && typeof method === 'string' && isBody(params)
    ? { id, method, params }
    : undefined;
}

/** 0.4 wraps the object in a list; a list crashes its service edge (protocol 1.7). */
function inList(parameters: unknown): unknown {
  if (Array.isArray(parameters)) return 'crash';
  return isBody(parameters) ? [parameters] : undefined;
}

/** 0.5.1 requires that each value is a JSON text, and passes the object of texts on unchanged. */
function fromTexts(parameters: unknown): unknown {
  if (!isBody(parameters)) return undefined;
  try {
    for (const text of Object.values(parameters)) {
      if (typeof text !== 'string') return undefined;
      JSON.parse(text);
    }
    return parameters;
  } catch {
    return undefined;
  }
}

/** 0.4 unwraps a list of one object, and drops every other list: `[null]` never arrives. */
function bare(params: Body): Body | undefined {
  const list: unknown = params['parameters'];
  const head: unknown = Array.isArray(list) && list.length === 1 ? list[0] : undefined;
  return isBody(head) ? { ...params, parameters: head } : undefined;
}
