// Modules of Node that an idle agent does not need. The bundle loads each at the first call of one
// of these functions: for an installer, a transfer, or TLS. Before, the process needs less memory.
const used = {
  https: { classes: ['Agent'], functions: ['request'] },
  tls: { functions: ['connect'] },
  child_process: { functions: ['execFile', 'spawn'] },
  crypto: {
    classes: ['X509Certificate'],
    functions: [
      'createHash',
      'createPrivateKey',
      'randomBytes',
      'randomFillSync',
      'timingSafeEqual',
    ],
  },
  inspector: { functions: ['close', 'url'] },
  zlib: { functions: ['createGunzip', 'createZstdDecompress', 'crc32'] },
};
const names = new RegExp(`^(node:)?(${Object.keys(used).join('|')})$`);

/** A plugin of esbuild. */
export const lazyBuiltins = {
  name: 'lazy-builtins',
  setup(build) {
    build.onResolve({ filter: names }, ({ path, namespace }) => {
      if (namespace === 'lazy') return { path, external: true };
      return { path: path.replace('node:', ''), namespace: 'lazy' };
    });
    // `process` is a global. As a module, esbuild would copy it with a getter for each name.
    build.onResolve({ filter: /^node:process$/ }, () => ({ path: 'process', namespace: 'lazy' }));
    build.onLoad({ filter: /./, namespace: 'lazy' }, ({ path }) => ({
      contents: path === 'process' ? 'export default process;' : lazyModule(path),
    }));
  },
};

/** A call of `require` takes some microseconds, so each module is looked up once. */
function lazyModule(path) {
  const { classes = [], functions } = used[path];
  const node = '(loaded ??= load())';
  const given = '(...given)';
  const exported = [
    ...classes.map((name) => `function ${name}${given} { return new (${node}.${name})${given}; }`),
    // A function that an older Node does not have returns undefined.
    ...functions.map((name) => `const ${name} = ${given} => ${node}.${name}?.${given};`),
  ];
  return [
    `let loaded;\nconst load = () => require("node:${path}");`,
    ...exported.map((one) => `export ${one}`),
  ].join('\n');
}
