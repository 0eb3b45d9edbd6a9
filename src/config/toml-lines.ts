// Finds the line of a key in a TOML text, because the parser returns no positions. It looks only
// for keys that the parser has found, so it can be simpler than TOML.

export type Lines = (path: readonly string[]) => number;

const header = /^\s*\[{1,2}([^\]]+)\]/;
const assignment = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/;

/** Lines start at 1. A key in an inline table has the line of the table; an unknown key line 1. */
export function findLines(text: string): Lines {
  const lines = new Map<string, number>();
  let section: readonly string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const table = header.exec(line)?.[1];
    if (table !== undefined) section = segments(table);
    const key = assignment.exec(line)?.[1];
    const found = key === undefined ? section : [...section, ...segments(key)];
    // A dotted key or header also opens the tables above it.
    for (let depth = 1; depth <= found.length; depth += 1) {
      const name = JSON.stringify(found.slice(0, depth));
      if (!lines.has(name)) lines.set(name, index + 1);
    }
  }
  return (path) => {
    for (let depth = path.length; depth > 0; depth -= 1) {
      const line = lines.get(JSON.stringify(path.slice(0, depth)));
      if (line !== undefined) return line;
    }
    return 1;
  };
}

function segments(key: string): readonly string[] {
  const found = key.match(/"[^"]*"|'[^']*'|[\w-]+/g) ?? [];
  return found.map((one) => one.replace(/^["']|["']$/g, ''));
}
