// What sockets, TLS and proxies say, as one of the stable codes and a sentence for people.
import type { CallFailure } from './transport.ts';

const codes: readonly (readonly [pattern: RegExp, code: string])[] = [
  [/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENOTFOUND|EAI_\w+)$/, 'refused'],
  [/^(ETIMEDOUT|ERR_TLS_HANDSHAKE_TIMEOUT)$/, 'timeout'],
  // OpenSSL's verdicts on a certificate, Node's own on a handshake, and alerts of the peer.
  [/^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_|EPROTO$)/, 'tls'],
  [/^(INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED)$/, 'tls'],
];

/** Verification fails then, whatever the certificates: said, since nothing else points to it. */
const aboutTime = /^CERT_(NOT_YET_VALID|HAS_EXPIRED)$/;

export function failure(code: string, reason: string): CallFailure {
  return { ok: false, code, reason };
}

export function failureOf(error: Error, where: string): CallFailure {
  const said = codeOf(error);
  const code = codes.find(([pattern]) => pattern.test(said))?.[1] ?? 'closed';
  const hint = aboutTime.test(said) ? " (is this device's clock right?)" : '';
  return failure(code, `${where}: ${messageOf(error)}${hint}`);
}

export function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : '';
}

/** A name with two addresses fails with an error for each, and no words of its own. */
function messageOf(error: Error): string {
  const parts = error instanceof AggregateError ? error.errors : [];
  const messages = parts.flatMap((one) => (one instanceof Error ? [one.message] : []));
  return messages.length > 0 ? messages.join(', ') : error.message || codeOf(error);
}
