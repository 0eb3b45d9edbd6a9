// The tokens of libconfig and of JSON, which are alike enough for one reader.

export type Token = {
  /** `text`: a name, a number or a string; `more`: a string right behind a string. */
  readonly kind: 'open' | 'close' | 'is' | 'end' | 'text' | 'more';
  /** Of a string: what it means. */
  readonly text: string;
};

const comment = /\/\*[^]*?\*\/|(?:\/\/|#)[^\n]*/;
const known = /"(?:\\[^]|[^"\\])*"|[{}()[\]=:,;]|[^\s{}()[\]=:,;"#@]+/;
const pattern = new RegExp(`\\s+|${comment.source}|(${known.source})`, 'gy');

const kinds: ReadonlyMap<string, Token['kind']> = new Map([
  ...['{', '(', '['].map((one) => [one, 'open'] as const),
  ...['}', ')', ']'].map((one) => [one, 'close'] as const),
  ...['=', ':'].map((one) => [one, 'is'] as const),
  ...[',', ';'].map((one) => [one, 'end'] as const),
]);

/** Undefined: something stands there that is neither (`@include`, an open string). */
export function tokensOf(text: string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  let at = text.startsWith('\ufeff') ? 1 : 0;
  let wasString = false;
  while (at < text.length) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    const [, token] = match;
    if (token === undefined) continue;
    const isString = token.startsWith('"');
    const meant = isString ? unquoted(token) : token;
    if (meant === undefined) return undefined;
    const kind = kinds.get(token) ?? (isString && wasString ? 'more' : 'text');
    tokens.push({ kind, text: meant });
    wasString = isString;
  }
  return tokens;
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['f', '\f'],
  ['a', '\u0007'],
  ['b', '\b'],
  ['v', '\v'],
]);

/**
 * `\xNN` of libconfig is a byte, `\uNNNN` of JSON two of UTF-16. Undefined: the bytes are no
 * UTF-8, so that the string means nothing that a file of versions could hold.
 */
function unquoted(token: string): string | undefined {
  const found = /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|([^]))|[^\\]+/gi;
  const parts: Buffer[] = [];
  let pending = '';
  const flush = () => {
    parts.push(Buffer.from(pending));
    pending = '';
  };
  for (const [whole, byte, unit, other] of token.slice(1, -1).matchAll(found)) {
    if (byte !== undefined) {
      flush();
      parts.push(Buffer.from(byte, 'hex'));
    } else if (unit !== undefined) pending += String.fromCharCode(parseInt(unit, 16));
    else pending += other === undefined ? whole : (escapes.get(other) ?? other);
  }
  flush();
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    return undefined;
  }
}
