// `ws` for a client that neither compresses nor follows: what is constant in such a one is written
// into it before esbuild looks, which then finds that more than half of it, 29 KB, is never
// reached. The rest is ws's own. A server that compresses all the same is refused by it, as before.
import { readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

const extension = 'this._extensions[PerMessageDeflate.extensionName]';

/** Modules of which nothing is left. */
const modules = {
  // Without stream and server, which nobody here imports.
  'wrapper.mjs': 'export { default as WebSocket } from "./lib/websocket.js";',
  'lib/permessage-deflate.js': 'module.exports = { extensionName: "permessage-deflate" };',
  'lib/extension.js': 'module.exports = {};',
  // addEventListener() of browsers; ours is on().
  'lib/event-target.js': 'module.exports = { EventTarget: {} };',
  // Without what older Nodes lack, and without names of subprotocols.
  'lib/validation.js': `module.exports = {
    isValidStatusCode: (code) =>
      (code > 2999 && code < 5000) ||
      (code > 999 && code < 1015 && ![1004, 1005, 1006].includes(code)),
    isValidUTF8: require("node:buffer").isUtf8,
  };`,
};

/** Expressions and what they are, by the options in transport/link.ts; methods never called. */
const parts = {
  'lib/websocket.js': {
    constants: {
      'this._isServer': false,
      'opts.followRedirects': false,
      'opts.perMessageDeflate': false,
      '!perMessageDeflate': true,
      'isBlob(data)': false,
      [extension]: null,
      isIpcUrl: false,
      // Sockets of the file system, subprotocols, another version, a time limit of its own.
      'protocols.length': 0,
      'protocolSet.size': 0,
      '!protocolVersions.includes(opts.protocolVersion)': false,
      'websocket._redirects === 0': true,
      'opts.origin': null,
      'opts.timeout': null,
      'opts.finishRequest': null,
      'WebSocket.CONNECTING': 0,
      'WebSocket.OPEN': 1,
      'WebSocket.CLOSING': 2,
      'WebSocket.CLOSED': 3,
      'Object.defineProperty': 'void ',
      // What browsers call on() and have for constants.
      "['open', 'error', 'close', 'message'].forEach": 'void ',
    },
    methods: ['get binaryType', 'set binaryType', 'get extensions', 'get protocol'].concat(
      ['open', 'message', 'error', 'close'].map((event) => `get on${event}`),
    ),
  },
  'lib/receiver.js': {
    constants: {
      'this._isServer': false,
      'this._compressed': false,
      'this._allowSynchronousEvents': true,
      'this._skipUTF8Validation': false,
      "this._binaryType === 'nodebuffer'": true,
      [extension]: null,
    },
    methods: ['decompress'],
  },
  'lib/sender.js': {
    constants: {
      'isBlob(data)': false,
      'options.compress': false,
      '!compress': true,
      // Nothing is waited for before a frame leaves.
      'this._state !== DEFAULT': false,
      [extension]: null,
    },
    methods: ['getBlobData', 'enqueue', 'dequeue'],
  },
};

/** For esbuild. */
export const spared = {
  name: 'spared',
  setup(build) {
    const left = new Set([...Object.keys(modules), ...Object.keys(parts)]);
    build.onLoad({ filter: /node_modules[/\\]ws[/\\]/ }, ({ path }) => {
      const name = relative(join('node_modules', 'ws'), path).replaceAll(sep, '/');
      left.delete(name);
      const part = parts[name];
      if (part === undefined) return modules[name] && { contents: modules[name] };
      return { contents: specialised(readFileSync(path, 'utf8'), name, part) };
    });
    build.onEnd(({ errors }) => {
      if (errors.length === 0 && left.size > 0) throw unlike([...left].join(', '));
    });
  },
};

function specialised(source, name, { constants, methods }) {
  let text = source;
  const replace = (pattern, by, what) => {
    const next = text.replace(pattern, by);
    if (next === text) throw unlike(`${name} with ${what.trim()}`);
    text = next;
  };
  for (const method of methods) replace(new RegExp(`^  ${method}\\([^]*?^  }$`, 'm'), '', method);
  for (const [expression, value] of Object.entries(constants)) {
    const literal = expression.replace(/[.*+?^${}()|[\]]/g, '\\$&');
    // Not where it is set.
    replace(new RegExp(`(?<![\\w.])${literal}(?!\\s+=\\s)`, 'g'), String(value), expression);
  }
  return text;
}

function unlike(what) {
  return new Error(`this ws has no ${what}: targets/spared.mjs was written for another one`);
}
