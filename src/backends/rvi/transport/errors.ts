// Turns errors of sockets, TLS, HTTP and proxies into a stable code and a message: which peer
// failed, on which connection, and which configuration key to check.
import { plain, shortened } from '../../../sanitize.ts';
import { isTlsCode, tlsWords } from './tls-messages.ts';
import type { TlsWords } from './tls-messages.ts';
import type { CallFailure } from './transport.ts';

/** One connection and its peer. */
export type Leg = {
  /** The URL of the node, or the name of the proxy; never a password. */
  readonly where: string;
  readonly party: 'node' | 'proxy';
  /** The proxy between this device and the node. */
  readonly through?: string | undefined;
  /** What is wrong with the dates of the agent's certificate. */
  readonly ownFault?: string | undefined;
};

const codes: readonly (readonly [pattern: RegExp, code: string])[] = [
  [/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENOTFOUND|EAI_\w+)$/, 'refused'],
  [/^(EADDRNOTAVAIL|EINVAL|EACCES|EPERM|ENETDOWN)$/, 'refused'],
  [/^(ETIMEDOUT|ERR_TLS_HANDSHAKE_TIMEOUT)$/, 'timeout'],
];

/** Messages for system error codes; `isAddress`: the configured address may be wrong. */
const deeds: readonly (readonly [pattern: RegExp, text: string, isAddress: boolean])[] = [
  [/^ECONNREFUSED$/, 'no process accepts connections there; is it running?', true],
  [/^(ENOTFOUND|EAI_NONAME|EAI_NODATA)$/, 'the host name does not exist', true],
  [/^EAI_/, 'the host name cannot be resolved', true],
  [
    /^(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)$/,
    'the host cannot be reached',
    true,
  ],
  [/^ETIMEDOUT$/, 'the host does not answer', true],
  [/^EPIPE$/, 'it closed the connection while the agent was sending', false],
];

export function failure(code: string, reason: string): CallFailure {
  return { ok: false, code, reason };
}

/** Wraps a failure in an error, to pass it through code of libraries. */
export function errorOf(failed: CallFailure): Error {
  return Object.assign(new Error(failed.reason), { failed });
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

export function failureOf(error: Error, leg: Leg): CallFailure {
  if ('failed' in error && isFailure(error.failed)) return error.failed;
  const said = codeOf(error);
  const tls = tlsFailure(error, leg);
  if (tls !== undefined) return tls;
  const code = codes.find(([pattern]) => pattern.test(said))?.[1] ?? 'closed';
  const deed = deeds.find(([pattern]) => pattern.test(said));
  if (deed !== undefined) {
    const key = deed[2] ? `: check ${keyOf('url', leg)}` : '';
    return failure(code, `${leg.where}: ${deed[1]} (${messageOf(error)})${key}`);
  }
  if (said === 'ECONNRESET') return failure(code, `${leg.where}: ${resetWords(error, leg)}`);
  if (/^HPE_/.test(said)) return failure('status', `${leg.where}: ${parseWords(error, leg)}`);
  const prefix = said.startsWith('WS_ERR_') ? 'this device ended the connection: ' : '';
  return failure(code, `${leg.where}: ${prefix}${messageOf(error)}`);
}

function isFailure(value: unknown): value is CallFailure {
  return typeof value === 'object' && value !== null && 'reason' in value && 'code' in value;
}

/** For an exception of OpenSSL over the TLS files, or of Node over an option. */
export function thrownFailure(error: Error, leg: Leg): CallFailure {
  const words = tlsWords(codeOf(error), error.message, true);
  if (words === undefined) return internal(error, leg.where);
  const key = keyOf(words.key, leg);
  return failure('tls', `${leg.where}: ${words.text} (${words.name}): check ${key}`);
}

/** For an unexpected exception. It ends the call or the connection, and never the agent. */
export function internal(error: Error, where: string): CallFailure {
  return failure('internal', `${where}: this agent failed: ${messageOf(error)}`);
}

function tlsFailure(error: Error, leg: Leg): CallFailure | undefined {
  const code = codeOf(error);
  const isClosed = /^(ECONNRESET|EPIPE)$/.test(code) && 'isInHandshake' in error;
  if (isClosed) {
    const text = `${whoOf(leg)} ended the connection during the TLS handshake`;
    const hint = leg.ownFault ?? `does it use TLS? check ${keyOf('url', leg)}`;
    return failure('tls', `${leg.where}: ${text}: ${hint}`);
  }
  if (!isTlsCode(code)) return undefined;
  const words = tlsWords(code, error.message, false);
  const fault = words?.isOurs === true || words === undefined ? leg.ownFault : undefined;
  const text = `${words?.text ?? `TLS failed: ${messageOf(error)}`}${nameDetail(error, words)}`;
  const named = words?.name ?? code;
  const clock = words?.isClock === true ? " (is this device's clock right?)" : '';
  const key = words === undefined || words.key === 'none' ? '' : `: check ${keyOf(words.key, leg)}`;
  const hint = fault === undefined ? '' : `; ${fault}`;
  const failed = failure('tls', `${leg.where}: ${text} (${named})${clock}${key}${hint}`);
  return words?.isClock === true ? { ...failed, isClockInDoubt: true } : failed;
}

/** Returns the names in the certificate. */
function nameDetail(error: Error, words: TlsWords | undefined): string {
  if (words?.key !== 'url' || !('reason' in error)) return '';
  return `: ${shortened(plain(String(error.reason)), 300)}`;
}

/** Returns the configuration key. A proxy has only its URL: the TLS files are for the node. */
function keyOf(key: TlsWords['key'], leg: Leg): string {
  if (leg.party === 'proxy') return 'rvi.proxy';
  if (key === 'cert') return 'rvi.tls_cert';
  if (key === 'key') return 'rvi.tls_key';
  return key === 'ca' ? 'rvi.tls_ca' : 'rvi.url';
}

/** Through a proxy, the failures of node and proxy look the same. */
export function whoOf({ party, through }: Leg): string {
  return through === undefined ? `the ${party}` : `the node, or ${through} on the way,`;
}

function resetWords(error: Error, leg: Leg): string {
  const isHangUp = /hang up/.test(error.message);
  const did = isHangUp ? 'ended the connection without an answer' : 'reset the connection';
  const key = leg.party === 'proxy' ? ': check rvi.proxy' : '';
  const fault = leg.ownFault === undefined ? '' : `; ${leg.ownFault}`;
  return `${whoOf(leg)} ${did} (ECONNRESET)${key}${fault}`;
}

/** A TLS alert starts with 0x15, a TLS hello with 0x16. */
function parseWords(error: Error, leg: Leg): string {
  const packet = 'rawPacket' in error && Buffer.isBuffer(error.rawPacket) ? error.rawPacket : [];
  const isTls = packet[0] === 0x15 || packet[0] === 0x16;
  const what = isTls ? 'answered in TLS where HTTP was expected' : 'did not answer in HTTP';
  return `${whoOf(leg)} ${what} (${codeOf(error)}): check ${keyOf('url', leg)}`;
}

export function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : '';
}

const messageCharactersMax = 200;

/** A host name with two addresses fails with one error per address, and an empty message. */
function messageOf(error: Error): string {
  const parts = error instanceof AggregateError ? error.errors : [];
  const messages = parts.flatMap((one) => (one instanceof Error ? [one.message] : []));
  const text = messages.length > 0 ? messages.join(', ') : error.message || codeOf(error);
  // Error texts of OpenSSL contain pointers and source paths.
  const isDump = /error:[0-9A-F]{8}/i.test(text) || text.includes('--use-system-ca');
  return isDump ? codeOf(error) || 'TLS' : shortened(plain(text), messageCharactersMax);
}
