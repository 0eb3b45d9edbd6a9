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

export function shortened(text: string, charactersMax: number): string {
  return text.length <= charactersMax ? text : `${text.slice(0, Math.max(0, charactersMax - 1))}…`;
}

/** 1 203 for 1203: long counts are read in threes. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ' ');
}
