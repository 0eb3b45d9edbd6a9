// Blocks environment variables with which Node would load code, trust other issuers or write files,
// and blocks the debugger. docs/internals/build.md lists them.
import { Buffer } from 'node:buffer';

/** For each variable, the versions in which a line of Node began to read it; none: before 20.11. */
const names = {
  NODE_OPTIONS: [],
  OPENSSL_CONF: [],
  OPENSSL_MODULES: [],
  OPENSSL_ENGINES: [],
  NODE_REPL_EXTERNAL_MODULE: ['20.20'],
  NODE_COMPILE_CACHE: ['22.1'],
  NODE_ICU_DATA: [],
  NODE_EXTRA_CA_CERTS: [],
  NODE_USE_SYSTEM_CA: ['22.19', '24.6'],
  NODE_REDIRECT_WARNINGS: [],
};

/** ICU reads these variables. Node 24 crashes if the name of a language is long. */
const ofIcu = ['LC_ALL', 'LC_MESSAGES', 'LANG'];

/** If OpenSSL is a library of the image, it reads these variables itself. */
export const ofOpenssl = ['OPENSSL_CONF', 'OPENSSL_MODULES', 'OPENSSL_ENGINES'];
export const hasSharedOpenssl = (program) => program.includes('\0libcrypto.so.');

/**
 * Returns the program with the first byte of each name overwritten: Node then reads a variable with
 * an empty name, which cannot exist. The first occurrence is in the code of Node, later ones are in
 * scripts.
 */
export function blockVariables(program, version) {
  const copy = Buffer.from(program);
  for (const [name, since] of [...Object.entries(names), ...ofIcu.map((name) => [name, []])]) {
    const at = copy.indexOf(`\0${name}\0`, 0, 'latin1');
    if (at !== -1) copy[at + 1] = 0;
    else if (reads(version, since) && !isReadElsewhere(program, name)) {
      const hint = 'use a build in which the name is stored as plain text';
      throw new Error(`cannot block ${name}: Node ${version} does not contain it: ${hint}`);
    }
  }
  return copy;
}

function isReadElsewhere(program, name) {
  if (name === 'NODE_ICU_DATA') return !program.includes('\0--icu-data-dir\0');
  if (ofIcu.includes(name)) return !program.includes('\0icudt');
  return ofOpenssl.includes(name) && hasSharedOpenssl(program);
}

const debuggerHost = '127.0.0.1';
/** An address of the same length that no machine has: nothing can listen there. */
const unusableHost = '240.0.0.1';

/**
 * Before the script installs its handler for SIGUSR1, this signal makes Node open a debugger. If
 * Node does not support `--disable-sigusr1`, the debugger gets an address that it cannot open.
 */
export function blockDebugger(program, version, execArgv) {
  // A Node without this key reads no arguments from the executable.
  const takesArguments = program.includes('execArgvExtension');
  if (takesArguments && execArgv.includes('--disable-sigusr1')) return program;
  // Only a Node with a debugger contains this message.
  if (!program.includes('Starting inspector on')) return program;
  const copy = Buffer.from(program);
  const at = copy.indexOf(`\0${debuggerHost}\0`, 0, 'latin1');
  if (at === -1) {
    const hint = 'use a Node with --disable-sigusr1 and arguments in the executable';
    throw new Error(`cannot block the debugger of Node ${version}: ${hint}`);
  }
  copy.write(unusableHost, at + 1, 'latin1');
  return copy;
}

function reads(version, since) {
  const [major, minor] = version.split('.').map(Number);
  const lines = since.map((text) => text.split('.').map(Number));
  const own = lines.find(([line]) => line === major);
  return own === undefined ? lines.every(([line]) => line < major) : minor >= own[1];
}
