// Turns TLS errors of OpenSSL and Node into a message and the configuration key to check. The texts
// of the libraries are not shown, because they contain pointers, and advice for other programs.

/** `isOurs`: this device's certificate or key is wrong; `isClock`: its clock may be the cause. */
export type TlsWords = {
  readonly text: string;
  readonly key: 'url' | 'ca' | 'cert' | 'key' | 'none';
  readonly isOurs?: boolean;
  readonly isClock?: boolean;
};

type Row = readonly [name: RegExp, words: TlsWords];

const unknownAuthority = 'this device does not trust the issuer of its certificate';
const noVersion = 'no common TLS version; this device uses 1.2 and later';
const weak = 'its certificate has a key or a digest that is too weak';

/** Errors of this device about the certificate of the peer. */
const verdicts: readonly Row[] = [
  [
    /^DEPTH_ZERO_SELF_SIGNED_CERT$|^SELF_SIGNED_CERTIFICATE$/,
    {
      text: 'its certificate is self-signed and not trusted',
      key: 'ca',
    },
  ],
  [
    /^SELF_SIGNED_CERT/,
    {
      text: 'its certificate ends at a self-signed authority that this device does not trust',
      key: 'ca',
    },
  ],
  [
    /^UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|^CERT_(UNTRUSTED|REJECTED)$/,
    {
      text: unknownAuthority,
      key: 'ca',
    },
  ],
  [
    /^CERT_HAS_EXPIRED$|^CERTIFICATE_HAS_EXPIRED$/,
    {
      text: 'its certificate has expired',
      key: 'none',
      isClock: true,
    },
  ],
  [
    /^CERT_NOT_YET_VALID$|^CERTIFICATE_IS_NOT_YET_VALID$/,
    {
      text: 'its certificate is not valid yet',
      key: 'none',
      isClock: true,
    },
  ],
  [
    /^CRL_(HAS_EXPIRED|NOT_YET_VALID)$/,
    {
      text: 'the list of revoked certificates is out of date',
      key: 'ca',
      isClock: true,
    },
  ],
  [/^CERT_REVOKED$/, { text: 'its certificate was revoked', key: 'none' }],
  [
    /^(ERR_TLS_CERT_ALTNAME_\w+|HOSTNAME_MISMATCH)$/,
    {
      text: 'its certificate is for another name',
      key: 'url',
    },
  ],
  [
    /^(INVALID_PURPOSE|UNSUITABLE_CERTIFICATE_PURPOSE)$/,
    {
      text: 'its certificate is not for a server',
      key: 'none',
    },
  ],
  [
    /^(INVALID_CA|PATH_LENGTH_EXCEEDED|CERT_CHAIN_TOO_LONG|UNABLE_TO_GET_CRL)$/,
    {
      text: 'the chain of its certificate is not valid',
      key: 'ca',
    },
  ],
  [
    /^(CERT_SIGNATURE_FAILURE|UNABLE_TO_DECRYPT_CERT_SIGNATURE)$/,
    {
      text: 'the signature of its certificate is wrong',
      key: 'ca',
    },
  ],
  [/^(EE|CA)_(\w+_)?(KEY|MD|ALGORITHM)_TOO_(WEAK|SMALL)$/, { text: weak, key: 'none' }],
  [/^CERTIFICATE_VERIFY_FAILED$/, { text: unknownAuthority, key: 'ca' }],
];

/** Alerts that the peer sent. */
const alerts: readonly Row[] = [
  [
    /^UNKNOWN_CA$/,
    {
      text: 'it does not trust the issuer of the certificate of the agent',
      key: 'cert',
      isOurs: true,
    },
  ],
  [
    /^CERTIFICATE_EXPIRED$/,
    {
      text: 'it reports that the certificate of the agent has expired',
      key: 'cert',
      isOurs: true,
    },
  ],
  [
    /^CERTIFICATE_REVOKED$/,
    {
      text: 'it reports that the certificate of the agent was revoked',
      key: 'cert',
      isOurs: true,
    },
  ],
  [
    /^(BAD|UNSUPPORTED)_CERTIFICATE$|^CERTIFICATE_UNKNOWN$|^ACCESS_DENIED$/,
    {
      text: 'it does not accept the certificate of the agent',
      key: 'cert',
      isOurs: true,
    },
  ],
  [
    /^(CERTIFICATE_REQUIRED|NO_CERTIFICATE)$/,
    {
      text: 'it requires a client certificate',
      key: 'cert',
      isOurs: true,
    },
  ],
  [
    /^DECRYPT_ERROR$|^DECRYPTION_FAILED$/,
    {
      text: 'it cannot verify a signature of the key of the agent',
      key: 'key',
      isOurs: true,
    },
  ],
  [
    /^HANDSHAKE_FAILURE$|^INSUFFICIENT_SECURITY$/,
    {
      text: 'it found no common cipher, or requires a client certificate',
      key: 'cert',
      isOurs: true,
    },
  ],
  [/^PROTOCOL_VERSION$|^INAPPROPRIATE_FALLBACK$/, { text: noVersion, key: 'none' }],
  [/^UNRECOGNI[SZ]ED_NAME$/, { text: 'it does not serve this host name', key: 'url' }],
];

/** Errors of this device in the handshake. */
const handshakes: readonly Row[] = [
  [
    /^(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|HTTPS_PROXY_REQUEST)$/,
    {
      text: 'it does not answer in TLS',
      key: 'url',
    },
  ],
  [
    /^(UNKNOWN_PROTOCOL|BAD_RECORD_TYPE|RECORD_LAYER_FAILURE|UNEXPECTED_MESSAGE)$/,
    {
      text: 'it does not answer in TLS',
      key: 'url',
    },
  ],
  [
    /^(UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|NO_PROTOCOLS_AVAILABLE)$/,
    {
      text: noVersion,
      key: 'none',
    },
  ],
  [/^(ERR_TLS_PROTOCOL_VERSION_CONFLICT|WRONG_SSL_VERSION)$/, { text: noVersion, key: 'none' }],
  [
    /^(DH_KEY_TOO_SMALL|MODULUS_TOO_SMALL|BAD_DH_VALUE)$/,
    {
      text: 'its key exchange is too weak',
      key: 'none',
    },
  ],
  [
    /^(NO_SHARED_CIPHER|NO_CIPHERS_AVAILABLE|UNKNOWN_CIPHER_RETURNED)$/,
    {
      text: 'no common cipher',
      key: 'none',
    },
  ],
  [/^(LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED|WRONG_SIGNATURE_TYPE)$/, { text: weak, key: 'none' }],
];

/** Errors of OpenSSL about this device's certificate and key. */
const own: readonly Row[] = [
  [
    /^(EE|CA)_KEY_TOO_SMALL$/,
    {
      text: 'the key of the certificate of the agent is too small',
      key: 'cert',
      isOurs: true,
    },
  ],
  [
    /^CA_MD_TOO_WEAK$/,
    {
      text: 'the digest of the certificate of the agent is too weak',
      key: 'cert',
      isOurs: true,
    },
  ],
  [
    /^KEY_VALUES_MISMATCH$/,
    {
      text: 'the key of the agent does not belong to its certificate',
      key: 'key',
      isOurs: true,
    },
  ],
  [
    /^(BAD_DECRYPT|BAD_PASSWORD_READ|NO_START_LINE|UNSUPPORTED)$/,
    {
      text: 'the certificate or key of the agent cannot be read',
      key: 'key',
      isOurs: true,
    },
  ],
];

const isCode = /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;
const isOtherCode = /^(HOSTNAME_|EPROTO$|INVALID_(CA|PURPOSE)$|PATH_LENGTH_EXCEEDED$|UNSPECIFIED$)/;
const alert = /(?:^|_)ALERT_(?:NUMBER_)?(?!NUMBER)(\w+)$/;

export function isTlsCode(code: string): boolean {
  return code !== 'ERR_TLS_HANDSHAKE_TIMEOUT' && (isCode.test(code) || isOtherCode.test(code));
}

/**
 * Returns the message for a TLS error; undefined if the table has none. `wasThrown`: OpenSSL threw
 * it because of this device's files, before anything was sent.
 */
export function tlsWords(
  code: string,
  message: string,
  wasThrown: boolean,
): (TlsWords & { readonly name: string }) | undefined {
  const names = namesIn(code, message);
  for (const name of names) {
    const said = alert.exec(name)?.[1];
    const isAlert = said !== undefined || name === 'TLSV1_UNRECOGNIZED_NAME';
    const rows = wasThrown ? own : isAlert ? alerts : [...verdicts, ...handshakes];
    const key = said ?? name.replace(/^TLSV1_/, '');
    const found = rows.find(([pattern]) => pattern.test(key));
    if (found !== undefined) return { ...found[1], name: isAlert ? `alert ${key}` : key };
  }
  return undefined;
}

/** `ERR_SSL_<REASON>`, or the reason within `error:0A000438:SSL routines:<function>:<reason>:`. */
function namesIn(code: string, message: string): readonly string[] {
  const dumped = /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/i.exec(message)?.[1];
  return [code.replace(/^ERR_(SSL|OSSL)_/, ''), dumped ?? message].map((one) =>
    one.toUpperCase().replace(/[^A-Z0-9]+/g, '_'),
  );
}
