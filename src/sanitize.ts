// Makes strings of peers, installers and files safe for a terminal or a log. Characters that move
// the cursor, hide text or change its direction are replaced by their code points.

/**
 * Controls (Cc), formats (Cf), line separators (Zl, Zp), private use (Co), lone surrogates,
 * noncharacters, and characters without a glyph: joiners, fillers, variation selectors. Ranges are
 * used because a Node without ICU does not support `\p{}`. A test compares them with Unicode.
 */
const unsafeRanges: readonly (readonly [first: number, last: number])[] = [
  [0x0000, 0x001f],
  [0x007f, 0x009f],
  [0x00ad, 0x00ad],
  [0x034f, 0x034f],
  [0x0600, 0x0605],
  [0x061c, 0x061c],
  [0x06dd, 0x06dd],
  [0x070f, 0x070f],
  [0x0890, 0x0891],
  [0x08e2, 0x08e2],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xd800, 0xdfff],
  [0xe000, 0xf8ff],
  [0xfdd0, 0xfdef],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xfffb],
  [0xfffe, 0xffff],
  [0x110bd, 0x110bd],
  [0x110cd, 0x110cd],
  [0x13430, 0x1343f],
  [0x1bca0, 0x1bca3],
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff],
  [0xf0000, 0x10ffff],
];

const inClass = (code: number) => `\\u{${code.toString(16)}}`;
const classOf = unsafeRanges.map(([first, last]) => `${inClass(first)}-${inClass(last)}`).join('');
const unsafe = new RegExp(`[${classOf}]`, 'gu');

export function plain(text: string): string {
  return text.replace(unsafe, (char) => {
    const code = (char.codePointAt(0) ?? 0).toString(16);
    return char.length === 1 ? `\\u${code.padStart(4, '0')}` : `\\u{${code}}`;
  });
}

/**
 * For text that a server shows to its users: removes terminal sequences, and replaces the
 * characters that `plain` escapes. Line ends and tabs stay.
 */
export function printable(text: string): string {
  return text
    .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g, '')
    .replace(/\r\n?/g, '\n')
    .replace(unsafe, (char) => (char === '\n' || char === '\t' ? char : ' '));
}

/** Returns a quoted string for display. */
export function quoted(text: string): string {
  return plain(JSON.stringify(text));
}

/** Removes the byte order mark before JSON, which a reader may ignore (RFC 8259, section 8.1). */
export function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

/** Escapes JSON, or a part of it, so that a parser returns the original string. */
export function plainJson(text: string): string {
  return text.replace(unsafe, (char) => {
    const units = Array.from({ length: char.length }, (_, at) => char.charCodeAt(at));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
}

/** Returns a TOML string. TOML has no surrogate escapes. */
export function quotedToml(text: string): string {
  return JSON.stringify(text).replace(unsafe, (char) => {
    return `\\U${(char.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`;
  });
}

export function shortened(text: string, charactersMax: number): string {
  return text.length <= charactersMax ? text : `${text.slice(0, Math.max(0, charactersMax - 1))}…`;
}

/** Replaces the password of each URL in a text, as in `http://user:***@host`. */
export function withoutPasswords(text: string): string {
  return text.replace(/(:\/\/[^:@/\s"]{0,256}):[^@\s"]{1,1024}@/g, '$1:***@');
}

/** Returns the problem of a secret file's permissions; undefined: only its owner has access. */
export function exposure(mode: number): string | undefined {
  if ((mode & 0o077) === 0) return undefined;
  const octal = `0${(mode & 0o777).toString(8).padStart(3, '0')}`;
  return `has mode ${octal}: users other than its owner have access`;
}

/** Shortens a text to `bytesMax` bytes of UTF-8, at a character boundary. */
export function shortenedBytes(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  return bytes.toString('utf8', 0, bytesMax).replace(/\ufffd+$/, '');
}

/** Returns a count with its digits in groups of three: `1 203` for 1203. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ' ');
}
