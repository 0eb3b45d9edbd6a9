// The blob of a single executable, in the format that Node's `--experimental-sea-config` writes. So
// the Node of the target does not have to run. Lengths are size_t: a 64-bit Node cannot write the
// blob of a 32-bit one.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { Buffer } from 'node:buffer';
import { fuse } from './node.mjs';

const magic = 0x0143da20;

/** Returns the arguments that the executable gives to this Node; an older one takes none. */
export function argumentsOf(program, { execArgv }) {
  return program.includes('execArgvExtension') ? execArgv : [];
}

/** `name` is what stack traces call the script; `codeCache` may be undefined. */
export function makeBlob(program, target, name, script, codeCache) {
  const { elf } = target;
  const word = (value, bytes = 4) => {
    const field = Buffer.alloc(bytes);
    field.writeUInt32LE(value, 0);
    return field;
  };
  const text = (data) => Buffer.concat([word(data.length, elf.class / 8), Buffer.from(data)]);
  // A byte for each key that this Node supports. 0 means that nothing extends the arguments of
  // Node, so NODE_OPTIONS has no effect, and that the script is CommonJS.
  const keys = ['execArgvExtension', 'mainFormat'].filter((key) => program.includes(key));
  const args = argumentsOf(program, target);
  const hasArguments = args.length > 0;
  // Flag 1 disables a warning of Node on stderr. With flag 4, the code cache of the script follows,
  // with flag 16 arguments for Node.
  const flags = 1 + (codeCache === undefined ? 0 : 4) + (hasArguments ? 16 : 0);
  const parts = [word(magic), word(flags), Buffer.alloc(keys.length), text(name), text(script)];
  if (codeCache !== undefined) parts.push(text(codeCache));
  if (hasArguments) parts.push(word(args.length, elf.class / 8), ...args.map(text));
  return Buffer.concat(parts);
}

/** Compares the blob with the one that the Node of this machine writes. */
export function checkBlob(blob, node, { execArgv }, script, folder) {
  const [config, output] = ['sea.json', 'sea.blob'].map((name) => resolve(folder, name));
  const flags = { disableExperimentalSEAWarning: true, useSnapshot: false, useCodeCache: false };
  const keys = { main: script, output, execArgv, execArgvExtension: 'none', ...flags };
  writeFileSync(config, JSON.stringify(keys));
  const args = ['--experimental-sea-config', config];
  const options = { cwd: 'build', env: {}, stdio: 'pipe' };
  const ran = spawnSync(node, args, options);
  if (ran.status !== 0) throw new Error(`${node} does not run here: ${ran.error ?? ran.stderr}`);
  if (!readFileSync(output).equals(blob)) throw new Error(`${node} writes another SEA blob`);
}

/**
 * Puts the blob into the program in this file, as postject does: as an ELF note. Node looks for it
 * because postject sets the digit after the fuse to 1.
 */
export async function inject(file, blob) {
  const { log, warn, error } = console;
  // The ELF library of postject warns about the name of the section, which `cut` sets.
  console.log = console.warn = console.error = () => undefined;
  try {
    const postject = createRequire(import.meta.url)('postject');
    await postject.inject(file, 'NODE_SEA_BLOB', blob, { sentinelFuse: fuse });
  } finally {
    Object.assign(console, { log, warn, error });
  }
}
