// The blob of a single executable: what Node's `--experimental-sea-config` writes, by ourselves. No
// foreign Node has to run; lengths are size_t, and only so does a 64-bit machine make a blob for a
// 32-bit one.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { Buffer } from 'node:buffer';
import { fuse } from './node.mjs';

const magic = 0x0143da20;

export function makeBlob(program, { elf, execArgv }, script) {
  const word = (value, bytes = 4) => {
    const field = Buffer.alloc(bytes);
    field.writeUInt32LE(value, 0);
    return field;
  };
  const text = (data) => Buffer.concat([word(data.length, elf.class / 8), Buffer.from(data)]);
  // A byte for each key that this Node knows. 0 says: nobody extends Node's arguments, so that
  // NODE_OPTIONS does not reach in; and: the script is CommonJS.
  const keys = ['execArgvExtension', 'mainFormat'].filter((key) => program.includes(key));
  const hasArguments = keys.length > 0 && execArgv.length > 0;
  // Flag 1 keeps Node's warning off stderr, 16 says that arguments for Node follow.
  const parts = [word(magic), word(hasArguments ? 17 : 1), Buffer.alloc(keys.length)];
  parts.push(text(script), text(readFileSync(`build/${script}`)));
  if (hasArguments) parts.push(word(execArgv.length, elf.class / 8), ...execArgv.map(text));
  return Buffer.concat(parts);
}

/** Where that Node runs on this machine, it says whether we write what it would. */
export function checkBlob(blob, node, { execArgv }, script, folder) {
  const [config, output] = ['sea.json', 'sea.blob'].map((name) => resolve(folder, name));
  const flags = { disableExperimentalSEAWarning: true, useSnapshot: false, useCodeCache: false };
  const keys = { main: script, output, execArgv, execArgvExtension: 'none', ...flags };
  writeFileSync(config, JSON.stringify(keys));
  const args = ['--experimental-sea-config', config];
  const options = { cwd: 'build', env: {}, stdio: 'pipe' };
  const said = spawnSync(node, args, options);
  if (said.status !== 0) throw new Error(`${node} does not run here: ${said.error ?? said.stderr}`);
  if (!readFileSync(output).equals(blob)) throw new Error(`${node} writes another SEA blob`);
}

/** postject repeats a harmless warning of its ELF library. */
export async function inject(file, blob) {
  const { log, warn, error } = console;
  console.log = console.warn = console.error = () => undefined;
  try {
    const postject = createRequire(import.meta.url)('postject');
    await postject.inject(file, 'NODE_SEA_BLOB', blob, { sentinelFuse: fuse });
  } finally {
    Object.assign(console, { log, warn, error });
  }
}
