// Returns the text of one member of a JSON object. JSON.parse changes ids above 2^53, but an answer
// must repeat the id exactly.

/** `text` must be valid JSON. Of equal names at the top level the last counts, as in JSON.parse. */
export function rawMember(text: string, name: string): string | undefined {
  let found: string | undefined;
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    if (char === '{' || char === '[') depth += 1;
    if (char === '}' || char === ']') depth -= 1;
    if (char !== '"') {
      at += 1;
      continue;
    }
    const end = stringEnd(text, at);
    const colon = skipBlanks(text, end);
    if (depth === 1 && text[colon] === ':' && JSON.parse(text.slice(at, end)) === name) {
      const start = skipBlanks(text, colon + 1);
      const length =
        /^(?:"(?:[^"\\]|\\.)*"|[^\s,}\][{"]+)/.exec(text.slice(start))?.[0].length ?? 0;
      found = text.slice(start, start + length);
    }
    at = end;
  }
  return found;
}

function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (/\s/.test(text[at] ?? '')) at += 1;
  return at;
}
