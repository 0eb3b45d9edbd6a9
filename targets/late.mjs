// Parts of Node that only TLS needs, loaded where one of these is used first: without TLS that is
// never, and the process is 1 MiB smaller.
const used = { https: ['Agent', 'request'], tls: ['connect'] };

/** For esbuild. */
export const late = {
  name: 'late',
  setup(build) {
    build.onResolve({ filter: /^(node:)?(https|tls)$/ }, ({ path, namespace }) => {
      if (namespace === 'late') return { path, external: true };
      return { path: path.replace('node:', ''), namespace: 'late' };
    });
    build.onLoad({ filter: /./, namespace: 'late' }, ({ path }) => {
      const getter = (name) => `get ${name}() { return require("node:${path}").${name}; }`;
      return { contents: `module.exports = { ${used[path].map(getter).join(', ')} };` };
    });
  },
};
