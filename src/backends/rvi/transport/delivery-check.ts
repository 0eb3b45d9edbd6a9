// Decides by the head of a request whether an RVI node can have sent it. Pure. A node sends a POST
// with only `Host`, `Content-Length` and `Content-Type` (protocol 1.6). Plain HTTP clients and
// reverse proxies add the headers listed here. A request with any other header is rejected, because
// a browser cannot omit the headers that it adds.

export type RequestHead = {
  readonly method: string;
  /** The target of the request line, unchanged. */
  readonly target: string;
  /** Names and values alternate, unchanged. */
  readonly rawHeaders: readonly string[];
};

export type Expected = {
  /** In lower case; IPv6 addresses in brackets. */
  readonly hosts: readonly string[];
  /** A node sends no port (protocol 1.2); if a request has one, it must be in this list. */
  readonly ports: readonly number[];
  readonly isPath: (target: string) => boolean;
};

/** More headers than any node or proxy sends. */
const headersMax = 32;

const plainClients = [
  'host',
  'content-length',
  'content-type',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'user-agent',
  'accept',
  'accept-encoding',
  'te',
  'expect',
  'date',
] as const;
const proxies = ['via', 'forwarded', 'x-real-ip', 'x-request-id'] as const;
const known: ReadonlySet<string> = new Set([...plainClients, ...proxies]);
const proxyPrefixes = ['x-forwarded-', 'x-envoy-'] as const;
const onlyOnce = ['host', 'content-length', 'content-type', 'transfer-encoding', 'expect'] as const;

const jsonType =
  /^application\/(?:json|json-rpc|jsonrequest)[ \t]*(?:;[ \t]*charset="?[\w-]{1,32}"?[ \t]*)?$/i;
const connections: ReadonlySet<string> = new Set(['close', 'keep-alive', 'te']);

/** Returns why the request is rejected; undefined if a node can have sent it. */
export function refusalOf(head: RequestHead, expected: Expected): string | undefined {
  if (head.method !== 'POST') return 'the method is not POST';
  const headers = headersOf(head.rawHeaders);
  return (
    unknownHeader(headers) ??
    repeatedHeader(headers) ??
    wrongHost(headers, expected) ??
    wrongType(headers) ??
    wrongValue(headers) ??
    (expected.isPath(head.target) ? undefined : 'the path is not the one that was registered')
  );
}

type Headers = ReadonlyMap<string, readonly string[]>;

function headersOf(raw: readonly string[]): Headers {
  const headers = new Map<string, readonly string[]>();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), (raw[at + 1] ?? '').trim()]);
  }
  return headers;
}

function unknownHeader(headers: Headers): string | undefined {
  if (headers.size > headersMax) return `more than ${headersMax} headers`;
  for (const name of headers.keys()) {
    if (known.has(name) || proxyPrefixes.some((prefix) => name.startsWith(prefix))) continue;
    return `the header ${name.slice(0, 64)}, which no node sends`;
  }
  return undefined;
}

function repeatedHeader(headers: Headers): string | undefined {
  const name = onlyOnce.find((one) => (headers.get(one)?.length ?? 0) > 1);
  return name === undefined ? undefined : `more than one header ${name}`;
}

const hostAndPort = /^(\[[0-9a-f:.]+\]|[^\s:[\]/@]+)(?::(\d{1,5}))?$/;

/** The owner of a web page can make its name resolve to this device (DNS rebinding). */
function wrongHost(headers: Headers, { hosts, ports }: Expected): string | undefined {
  const [given] = headers.get('host') ?? [];
  if (given === undefined || given === '') return 'no header host';
  const [, host = '', port] = hostAndPort.exec(given.toLowerCase()) ?? [];
  if (hosts.includes(host) && (port === undefined || ports.includes(Number(port)))) {
    return undefined;
  }
  const wanted = 'neither rvi.listen nor rvi.network_address';
  return `the host ${JSON.stringify(given.slice(0, 128))}, which is ${wanted}`;
}

/** All nodes send a content type. It is optional, because the other checks find browsers. */
function wrongType(headers: Headers): string | undefined {
  const [type] = headers.get('content-type') ?? [];
  if (type === undefined || jsonType.test(type)) return undefined;
  return `the content type ${JSON.stringify(type.slice(0, 128))}, which no node sends`;
}

function wrongValue(headers: Headers): string | undefined {
  const agents = headers.get('user-agent') ?? [];
  if (agents.some((agent) => /^mozilla\//i.test(agent))) return 'the user agent of a browser';
  const listed = (headers.get('connection') ?? []).flatMap((one) => one.toLowerCase().split(','));
  const strange = listed.map((one) => one.trim()).find((one) => !connections.has(one));
  if (strange !== undefined) return `the connection option ${JSON.stringify(strange.slice(0, 64))}`;
  const expectation = headers.get('expect')?.[0]?.toLowerCase() ?? '100-continue';
  return expectation === '100-continue' ? undefined : 'an expectation that no node sends';
}
