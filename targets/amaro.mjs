// Takes amaro out of a Node: the compiler that removes types from TypeScript. Most of it is a text
// of 3.8 MB in a script inside Node, a WebAssembly module as base64.
import { Buffer } from 'node:buffer';

/** How such a text begins, and the end of the script that contains it. */
const begin = '"AGFzbQEAAAAB';
const scriptEnd = '  transformSync\n});\n\0';
const bytesMin = 1_048_576;
const removed = { what: 'the compiler for TypeScript', components: ['amaro'] };
const id = '\0internal/deps/amaro/dist/index\0';

/**
 * Returns the program without the name of the script, and the range of the text. If something needs
 * the script, Node ends with "Cannot find native builtin", and does not read the text. The program
 * stays as it is if it has no such script.
 */
export function trimAmaro(program) {
  const range = textOf(program);
  // The first occurrence is in the code of Node, later ones are in its snapshot.
  const idAt = program.indexOf(id, 0, 'latin1');
  if (range === undefined || idAt === -1) return { program, unused: [], removed: undefined };
  const copy = Buffer.from(program);
  copy.write('-', idAt + 1, 'latin1');
  return { program: copy, unused: [range], removed };
}

function textOf(program) {
  for (let at = 0; ; at += 1) {
    at = program.indexOf(begin, at, 'latin1');
    if (at === -1) return undefined;
    const to = program.indexOf('"', at + 1, 'latin1');
    const end = program.indexOf(0, to);
    const isScript = program.toString('latin1', end + 1 - scriptEnd.length, end + 1) === scriptEnd;
    if (to - at > bytesMin && isScript) return { from: at + 1, to };
  }
}
