// Which line of a TOML text a key stands on. The parser keeps no positions; this looks only for
// keys that the parser has found, so it may be simpler than TOML is.

export type Lines = (path: readonly string[]) => number;

const header = /^\s*\[{1,2}([^\]]+)\]/;
const assignment = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/;

/** 1-based; a key within an inline table is on the line of that table, an unknown one on line 1. */
export function findLines(text: string): Lines {
  const lines = new Map<string, number>();
  let section: readonly string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const table = header.exec(line)?.[1];
    if (table !== undefined) section = segments(table);
    const key = assignment.exec(line)?.[1];
    const found = key === undefined ? section : [...section, ...segments(key)];
    // A dotted key or header opens the tables above it, too.
    for (let depth = 1; depth <= found.length; depth += 1) {
      const spelt = JSON.stringify(found.slice(0, depth));
      if (!lines.has(spelt)) lines.set(spelt, index + 1);
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
