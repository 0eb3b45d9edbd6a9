// Strings of others (peers, installers, files) on their way to a terminal or a log. What could
// move a cursor, hide text or turn its direction is shown as its code point instead.

const unsafe = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

export function plain(text: string): string {
  return text.replace(unsafe, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** A JSON string; also a TOML one. */
export function quoted(text: string): string {
  return plain(JSON.stringify(text));
}

/** Without the byte order mark before JSON, which a reader may skip (RFC 8259, section 8.1). */
export function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

export function shortened(text: string, charactersMax: number): string {
  return text.length <= charactersMax ? text : `${text.slice(0, Math.max(0, charactersMax - 1))}…`;
}

/** What is wrong with the permissions of a file that holds a secret. */
export function exposure(mode: number): string | undefined {
  if ((mode & 0o077) === 0) return undefined;
  const octal = `0${(mode & 0o777).toString(8).padStart(3, '0')}`;
  return `has mode ${octal}: others than its owner may use it`;
}

/** The beginning of a longer one; no character is cut in two. */
export function shortenedBytes(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  return bytes.toString('utf8', 0, bytesMax).replace(/\ufffd+$/, '');
}

/** 1 203 for 1203: long counts are read in threes. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ' ');
}
