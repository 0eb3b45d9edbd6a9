// What Node takes from the environment and an agent must not: code (of scripts, of OpenSSL's
// libraries, of a cache), whom to trust, where to write. docs/internals/build.md lists them.
import { Buffer } from 'node:buffer';

/** With the versions from which on a line surely asks for it; without: all from 20.11 on. */
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

/**
 * Where Node asks for one of these variables it asks from now on for one without a name, which no
 * environment has. The first place is the one in Node's own code; later ones are data of scripts.
 */
export function deafened(program, version) {
  const copy = Buffer.from(program);
  for (const [name, since] of Object.entries(names)) {
    const at = copy.indexOf(`\0${name}\0`, 0, 'latin1');
    if (at !== -1) copy[at + 1] = 0;
    else if (asksFor(version, since)) {
      const mend = 'take a build whose literals stand as the compiler wrote them';
      throw new Error(`Node ${version} cannot be kept from ${name}, which is not in it: ${mend}`);
    }
  }
  return copy;
}

const debuggerHost = '127.0.0.1';
/** Of the same length, and the address of no machine: nothing can listen there. */
const nobody = '240.0.0.1';

/**
 * Until the script has its handler for SIGUSR1, Node opens its debugger at that signal. Where it
 * does not know `--disable-sigusr1`, the debugger gets an address that it cannot open.
 */
export function undebugged(program, version, execArgv) {
  // A Node without this key takes no arguments from the executable.
  const takesArguments = program.includes('execArgvExtension');
  if (takesArguments && execArgv.includes('--disable-sigusr1')) return program;
  const copy = Buffer.from(program);
  const at = copy.indexOf(`\0${debuggerHost}\0`, 0, 'latin1');
  if (at === -1) {
    const mend = 'take a Node that knows --disable-sigusr1 and arguments in the executable';
    throw new Error(`Node ${version} cannot be kept from its debugger: ${mend}`);
  }
  copy.write(nobody, at + 1, 'latin1');
  return copy;
}

function asksFor(version, since) {
  const [major, minor] = version.split('.').map(Number);
  const lines = since.map((text) => text.split('.').map(Number));
  const own = lines.find(([line]) => line === major);
  return own === undefined ? lines.every(([line]) => line < major) : minor >= own[1];
}
