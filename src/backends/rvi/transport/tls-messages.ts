// What OpenSSL and Node say when TLS fails, as a sentence that names the key of the configuration
// to look at. The texts of the libraries are not shown: they hold pointers, and advice for other
// programs.

/** `ours`: the fault is in what this device shows; `clock`: its clock may be the cause. */
export type TlsWords = {
  readonly says: string;
  readonly key: 'url' | 'ca' | 'cert' | 'key' | 'none';
  readonly isOurs?: boolean;
  readonly isClock?: boolean;
};

type Row = readonly [name: RegExp, words: TlsWords];

const unknownAuthority = 'its certificate is of no authority that this device trusts';
const noVersion = 'the two have no version of TLS in common; this device uses 1.2 and later';
const weak = 'its certificate has a key or a digest that is too weak';

/** The verdict of this device on the certificate of the peer. */
const verdicts: readonly Row[] = [
  [
    /^DEPTH_ZERO_SELF_SIGNED_CERT$|^SELF_SIGNED_CERTIFICATE$/,
    {
      says: 'its certificate is self-signed, and no trusted one',
      key: 'ca',
    },
  ],
  [
    /^SELF_SIGNED_CERT/,
    {
      says: 'its certificate ends at a self-signed authority that this device does not trust',
      key: 'ca',
    },
  ],
  [
    /^UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|^CERT_(UNTRUSTED|REJECTED)$/,
    {
      says: unknownAuthority,
      key: 'ca',
    },
  ],
  [
    /^CERT_HAS_EXPIRED$|^CERTIFICATE_HAS_EXPIRED$/,
    {
      says: 'its certificate has expired',
      key: 'none',
      isClock: true,
    },
  ],
  [
    /^CERT_NOT_YET_VALID$|^CERTIFICATE_IS_NOT_YET_VALID$/,
    {
      says: 'its certificate is not valid yet',
      key: 'none',
      isClock: true,
    },
  ],
  [
    /^CRL_(HAS_EXPIRED|NOT_YET_VALID)$/,
    {
      says: 'the list of revoked certificates is out of date',
      key: 'ca',
      isClock: true,
    },
  ],
  [/^CERT_REVOKED$/, { says: 'its certificate was revoked', key: 'none' }],
  [
    /^(ERR_TLS_CERT_ALTNAME_\w+|HOSTNAME_MISMATCH)$/,
    {
      says: 'its certificate is for another name',
      key: 'url',
    },
  ],
  [
    /^(INVALID_PURPOSE|UNSUITABLE_CERTIFICATE_PURPOSE)$/,
    {
      says: 'its certificate is not for a server',
      key: 'none',
    },
  ],
  [
    /^(INVALID_CA|PATH_LENGTH_EXCEEDED|CERT_CHAIN_TOO_LONG|UNABLE_TO_GET_CRL)$/,
    {
      says: 'the chain of its certificate is not valid',
      key: 'ca',
    },
  ],
  [
    /^(CERT_SIGNATURE_FAILURE|UNABLE_TO_DECRYPT_CERT_SIGNATURE)$/,
    {
      says: 'the signature of its certificate is wrong',
      key: 'ca',
    },
  ],
  [/^(EE|CA)_(\w+_)?(KEY|MD|ALGORITHM)_TOO_(WEAK|SMALL)$/, { says: weak, key: 'none' }],
  [/^CERTIFICATE_VERIFY_FAILED$/, { says: unknownAuthority, key: 'ca' }],
];

/** What the peer says by an alert. */
const alerts: readonly Row[] = [
  [
    /^UNKNOWN_CA$/,
    {
      says: 'it does not know the authority of our certificate',
      key: 'cert',
      isOurs: true,
    },
  ],
  [
    /^CERTIFICATE_EXPIRED$/,
    {
      says: 'it says that our certificate has expired',
      key: 'cert',
      isOurs: true,
    },
  ],
  [
    /^CERTIFICATE_REVOKED$/,
    {
      says: 'it says that our certificate was revoked',
      key: 'cert',
      isOurs: true,
    },
  ],
  [
    /^(BAD|UNSUPPORTED)_CERTIFICATE$|^CERTIFICATE_UNKNOWN$|^ACCESS_DENIED$/,
    {
      says: 'it does not accept our certificate',
      key: 'cert',
      isOurs: true,
    },
  ],
  [
    /^(CERTIFICATE_REQUIRED|NO_CERTIFICATE)$/,
    {
      says: 'it wants a certificate of ours',
      key: 'cert',
      isOurs: true,
    },
  ],
  [
    /^DECRYPT_ERROR$|^DECRYPTION_FAILED$/,
    {
      says: 'it cannot verify what our key signed',
      key: 'key',
      isOurs: true,
    },
  ],
  [
    /^HANDSHAKE_FAILURE$|^INSUFFICIENT_SECURITY$/,
    {
      says: 'it finds no common cipher, or wants a certificate of ours',
      key: 'cert',
      isOurs: true,
    },
  ],
  [/^PROTOCOL_VERSION$|^INAPPROPRIATE_FALLBACK$/, { says: noVersion, key: 'none' }],
  [/^UNRECOGNI[SZ]ED_NAME$/, { says: 'it does not know the host name', key: 'url' }],
];

/** What this device says of the handshake itself. */
const handshakes: readonly Row[] = [
  [
    /^(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|HTTPS_PROXY_REQUEST)$/,
    {
      says: 'it does not answer in TLS',
      key: 'url',
    },
  ],
  [
    /^(UNKNOWN_PROTOCOL|BAD_RECORD_TYPE|RECORD_LAYER_FAILURE|UNEXPECTED_MESSAGE)$/,
    {
      says: 'it does not answer in TLS',
      key: 'url',
    },
  ],
  [
    /^(UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|NO_PROTOCOLS_AVAILABLE)$/,
    {
      says: noVersion,
      key: 'none',
    },
  ],
  [/^(ERR_TLS_PROTOCOL_VERSION_CONFLICT|WRONG_SSL_VERSION)$/, { says: noVersion, key: 'none' }],
  [
    /^(DH_KEY_TOO_SMALL|MODULUS_TOO_SMALL|BAD_DH_VALUE)$/,
    {
      says: 'its key exchange is too weak',
      key: 'none',
    },
  ],
  [
    /^(NO_SHARED_CIPHER|NO_CIPHERS_AVAILABLE|UNKNOWN_CIPHER_RETURNED)$/,
    {
      says: 'the two have no cipher in common',
      key: 'none',
    },
  ],
  [/^(LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED|WRONG_SIGNATURE_TYPE)$/, { says: weak, key: 'none' }],
];

/** OpenSSL on the certificate and the key of this device, when a connection is made with them. */
const own: readonly Row[] = [
  [
    /^(EE|CA)_KEY_TOO_SMALL$/,
    {
      says: 'the key of our certificate is too small',
      key: 'cert',
      isOurs: true,
    },
  ],
  [
    /^CA_MD_TOO_WEAK$/,
    {
      says: 'the digest of our certificate is too weak',
      key: 'cert',
      isOurs: true,
    },
  ],
  [
    /^KEY_VALUES_MISMATCH$/,
    {
      says: 'our key does not belong to our certificate',
      key: 'key',
      isOurs: true,
    },
  ],
  [
    /^(BAD_DECRYPT|BAD_PASSWORD_READ|NO_START_LINE|UNSUPPORTED)$/,
    {
      says: 'our certificate or key cannot be read',
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
 * Words for an error of TLS; `wasThrown`: by OpenSSL over the files of this device, before anything
 * was sent. Undefined: the table has none.
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
