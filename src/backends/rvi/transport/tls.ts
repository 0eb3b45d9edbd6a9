// TLS options for connections to the node: version 1.2 or later, and the node's certificate is
// always verified, with the configured CA if there is one. The agent sends its own certificate if
// the node requests one. Files that can never work are an error at the start. Invalid dates only
// cause a warning, because the clock may not be set yet.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

export type TlsContext = {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly minVersion: 'TLSv1.2';
  readonly rejectUnauthorized: true;
  /** The dates of this device's certificate; not an option of OpenSSL. */
  readonly ownDates?: Dates;
};

/** The validity period of a certificate, in milliseconds since 1970. */
export type Dates = { readonly fromMs: number; readonly toMs: number };

/** Returns the options for a new connection; the same object until a file was renewed. */
export type TlsSource = () => Promise<TlsContext>;

/** Contents in PEM. */
export type TlsFiles = {
  readonly ca: Uint8Array | undefined;
  readonly cert: Uint8Array | undefined;
  readonly key: Uint8Array | undefined;
};

export type TlsResult =
  | { readonly ok: true; readonly value: TlsContext }
  | { readonly ok: false; readonly code: 'tls'; readonly reason: string };

export function createTls({ ca, cert, key }: TlsFiles): TlsResult {
  const refuse = (reason: string) => ({ ok: false, code: 'tls', reason }) as const;
  if (ca !== undefined && certificates(ca).length === 0) return refuse('tls_ca: no certificate');
  const own = cert === undefined ? undefined : certificates(cert)[0];
  if (cert !== undefined && own === undefined) return refuse('tls_cert: no certificate');
  const secret = key === undefined ? undefined : privateKey(key);
  if (typeof secret === 'string') return refuse(`tls_key: ${secret}`);
  if ((own === undefined) !== (secret === undefined)) {
    return refuse('tls_cert and tls_key: only one of them is given');
  }
  if (own !== undefined && secret !== undefined && !own.checkPrivateKey(secret)) {
    return refuse('tls_key: does not belong to the certificate in tls_cert');
  }
  const value: TlsContext = {
    ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
    ...(cert === undefined ? {} : { cert: Buffer.from(cert) }),
    ...(key === undefined ? {} : { key: Buffer.from(key) }),
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    ...(own === undefined ? {} : { ownDates: datesOf(own) }),
  };
  return { ok: true, value };
}

function datesOf({ validFrom, validTo }: X509Certificate): Dates {
  return { fromMs: Date.parse(validFrom), toMs: Date.parse(validTo) };
}

/** Returns what is wrong with the dates; undefined if the certificate is valid, or missing. */
export function datesFault(dates: Dates | undefined, wallMs: number): string | undefined {
  if (dates === undefined) return undefined;
  const text = (what: string, ms: number) =>
    `the certificate of the agent (rvi.tls_cert) ${what} ${new Date(ms).toISOString()}`;
  if (wallMs > dates.toMs) return `${text('has expired on', dates.toMs)}: renew it`;
  if (wallMs >= dates.fromMs) return undefined;
  return `${text('is not valid before', dates.fromMs)}: is this device's clock right?`;
}

/** Returns none if one of them is invalid: OpenSSL would skip it without an error. */
function certificates(pem: Uint8Array): readonly X509Certificate[] {
  const text = Buffer.from(pem).toString('latin1');
  const block = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g;
  const blocks = text.match(block) ?? [];
  // The last one may be incomplete.
  if (blocks.length < text.split('-----BEGIN CERTIFICATE-----').length - 1) return [];
  try {
    return blocks.map((one) => new X509Certificate(one));
  } catch {
    return [];
  }
}

/** PKCS #8 marks encryption in the first line, older formats in the second. */
const isLocked = /^(-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED)/m;

function privateKey(pem: Uint8Array): KeyObject | string {
  try {
    return createPrivateKey(Buffer.from(pem));
  } catch {
    // OpenSSL's error for a missing passphrase differs between releases.
    return isLocked.test(Buffer.from(pem).toString('latin1'))
      ? 'is encrypted: use one without a passphrase'
      : 'no private key in PEM';
  }
}
