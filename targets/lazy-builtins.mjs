// Parts of Node that an idle agent has no use for, loaded where one of these is called first: an
// installer, a transfer, TLS. Until then the process is smaller by what they take.
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

/** For esbuild. */
export const late = {
  name: 'late',
  setup(build) {
    build.onResolve({ filter: names }, ({ path, namespace }) => {
      if (namespace === 'late') return { path, external: true };
      return { path: path.replace('node:', ''), namespace: 'late' };
    });
    // It is there already. As a module esbuild would copy it, a getter for each of its names.
    build.onResolve({ filter: /^node:process$/ }, () => ({ path: 'process', namespace: 'late' }));
    build.onLoad({ filter: /./, namespace: 'late' }, ({ path }) => ({
      contents: path === 'process' ? 'export default process;' : lateModule(path),
    }));
  },
};

function lateModule(path) {
  const { classes = [], functions } = used[path];
  const node = `require("node:${path}")`;
  const given = '(...given)';
  const exported = [
    ...classes.map((name) => `function ${name}${given} { return new (${node}.${name})${given}; }`),
    // One that an older Node does not have gives undefined.
    ...functions.map((name) => `const ${name} = ${given} => ${node}.${name}?.${given};`),
  ];
  return exported.map((one) => `export ${one}`).join('\n');
}
