// The software bill of materials of an executable, as CycloneDX 1.6: the agent, Node with its
// built-in libraries, and the npm packages of the bundle. It has no time and no random number, so
// its bytes are always the same.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Buffer } from 'node:buffer';

/** The name of this property in the taxonomy of CycloneDX. */
const endOfSupport = 'cdx:lifecycle:milestone:endOfSupport';

/** Entries of `process.versions` that are interfaces, not components. */
const interfaces = ['node', 'modules', 'napi'];

/** Licences as in the LICENSE of Node, and names that differ. */
const builtIn = {
  acorn: { license: 'MIT', isOnNpm: true },
  ada: { license: 'MIT' },
  amaro: { license: 'MIT', isOnNpm: true },
  ares: { license: 'MIT', name: 'c-ares' },
  base64: { license: 'BSD-2-Clause' },
  brotli: { license: 'MIT' },
  cjs_module_lexer: { license: 'MIT', name: 'cjs-module-lexer', isOnNpm: true },
  cldr: { license: 'Unicode-3.0' },
  icu: { license: 'Unicode-3.0' },
  llhttp: { license: 'MIT' },
  merve: { license: 'MIT' },
  nbytes: { license: 'MIT' },
  ncrypto: { license: 'MIT' },
  nghttp2: { license: 'MIT' },
  nghttp3: { license: 'MIT' },
  ngtcp2: { license: 'MIT' },
  openssl: { license: 'Apache-2.0' },
  simdjson: { license: 'Apache-2.0' },
  simdutf: { license: 'MIT' },
  sqlite: { license: 'blessing' },
  tz: { license: 'LicenseRef-Public-Domain', name: 'tzdata' },
  undici: { license: 'MIT', isOnNpm: true },
  unicode: { license: 'Unicode-3.0', name: 'unicode-data' },
  uv: { license: 'MIT', name: 'libuv' },
  uvwasi: { license: 'MIT' },
  v8: { license: 'BSD-3-Clause' },
  zlib: { license: 'Zlib' },
  zstd: { license: 'BSD-3-Clause' },
};

/** Their names in NVD, without the version. Components that NVD does not list have none. */
const listed = {
  ares: 'c-ares:c-ares',
  brotli: 'google:brotli',
  icu: 'unicode:international_components_for_unicode',
  llhttp: 'llhttp:llhttp',
  nghttp2: 'nghttp2:nghttp2',
  openssl: 'openssl:openssl',
  sqlite: 'sqlite:sqlite',
  undici: 'nodejs:undici',
  uv: 'libuv:libuv',
  v8: 'google:v8',
  ws: 'ws_project:ws',
  zlib: 'zlib:zlib',
  zstd: 'facebook:zstandard',
};
/** NVD lists these as software for Node. */
const forNode = ['llhttp', 'undici', 'ws'];

/**
 * Returns the built-in libraries of that Node. The target lists those of the pinned one. Another
 * one prints them if it runs here, or a HOST_NODE of the same version does.
 */
export function componentsOf({ node, components }, version, hostNode, runsHere) {
  if (hostNode === undefined && version === node.version) return components;
  const printing = hostNode ?? runsHere;
  if (printing === undefined) {
    console.log(`the SBOM lists Node ${version} without its libraries: give HOST_NODE=...`);
    return {};
  }
  const hint = `give HOST_NODE= a Node ${version} that runs on this machine, or omit it`;
  const versions = versionsOf(printing);
  if (versions === undefined) throw new Error(`${printing} does not run here: ${hint}`);
  if (versions.node !== version) {
    throw new Error(`${printing} is Node ${versions.node}, but ${version} goes in: ${hint}`);
  }
  return Object.fromEntries(
    Object.entries(versions).filter(([name, value]) => !interfaces.includes(name) && value !== ''),
  );
}

function versionsOf(program) {
  const args = ['-p', 'JSON.stringify(process.versions)'];
  const options = { env: {}, encoding: 'utf8', stdio: 'pipe', timeout: 60_000 };
  try {
    return JSON.parse(execFileSync(program, args, options));
  } catch {
    return undefined;
  }
}

/** Returns a function that completes the bill with the hashes of the executable. */
export function makeSbom({ name, target, version, components, removed, isGiven }) {
  const { version: own, license } = JSON.parse(readFileSync('package.json', 'utf8'));
  const node = { ...nodeComponent(target, version, isGiven), ...pedigreeOf(removed) };
  const excluded = removed.flatMap((one) => one.components);
  // ICU 74 changed the licence of Unicode.
  const isOldIcu = Number.parseInt(components.icu ?? '', 10) < 74;
  const parts = Object.entries(components).map(([key, value]) => ({
    ...partOf(key, value, isOldIcu),
    ...(excluded.includes(key) ? { scope: 'excluded' } : {}),
  }));
  const packages = bundledPackages();
  return (executable) => {
    const hash = (algorithm) => createHash(algorithm).update(executable).digest('hex');
    const agent = {
      'bom-ref': `sota-agent@${own}`,
      type: 'application',
      name: 'sota-agent',
      version: own,
      description: `single executable for ${name}`,
      hashes: [
        { alg: 'SHA-256', content: hash('sha256') },
        { alg: 'SHA-512', content: hash('sha512') },
      ],
      licenses: [{ license: { id: license } }],
      properties: [{ name: 'sota-agent:target', value: name }],
    };
    const of = (list) => list.map((one) => one['bom-ref']);
    const dependencies = [
      { ref: agent['bom-ref'], dependsOn: of([node, ...packages]) },
      { ref: node['bom-ref'], dependsOn: of(parts) },
      ...[...parts, ...packages].map((one) => ({ ref: one['bom-ref'] })),
    ];
    const bom = {
      $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      version: 1,
      metadata: { component: agent },
      components: [node, ...parts, ...packages],
      dependencies,
    };
    return `${JSON.stringify(bom, null, 2)}\n`;
  };
}

/** Components that were removed are listed with the scope "excluded". */
function pedigreeOf(removed) {
  if (removed.length === 0) return {};
  return { pedigree: { notes: `removed: ${removed.map(({ what }) => what).join(', ')}` } };
}

function nodeComponent({ node }, version, isGiven) {
  const page = `https://www.npmjs.com/package/${node.package}/v/${version}`;
  const from = isGiven ? [] : [{ type: 'distribution', url: page }];
  const purl = purlOf(node.package, version);
  const properties = [{ name: endOfSupport, value: node.maintainedUntil }];
  const pinned = isGiven ? {} : { purl, hashes: [sri(node.integrity)] };
  return {
    'bom-ref': `node@${version}`,
    type: 'platform',
    name: 'node',
    version,
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    ...pinned,
    licenses: [{ license: { id: 'MIT' } }],
    externalReferences: [{ type: 'website', url: 'https://nodejs.org/' }, ...from],
    ...(isGiven ? {} : { properties }),
  };
}

function partOf(key, version, isOldIcu) {
  const { license: usual, name = key, isOnNpm = false } = builtIn[key] ?? {};
  const license = isOldIcu && usual === 'Unicode-3.0' ? 'Unicode-DFS-2016' : usual;
  return {
    'bom-ref': `${name}@${version}`,
    type: 'library',
    name,
    version,
    ...cpeOf(key, version),
    ...(isOnNpm ? { purl: purlOf(name, version) } : {}),
    licenses: licensesOf(license),
  };
}

function licensesOf(license) {
  if (license === undefined) return [];
  return license.startsWith('LicenseRef-')
    ? [{ expression: license }]
    : [{ license: { id: license } }];
}

function cpeOf(key, version) {
  if (listed[key] === undefined) return {};
  // Node adds a suffix, such as 1.2.13.1-motley-... or 3.0.12+quic; V8 has four numbers.
  const numbers = version
    .split(/[+-]/)[0]
    .split('.')
    .slice(0, key === 'v8' ? 4 : 3);
  const software = forNode.includes(key) ? 'node.js' : '*';
  return { cpe: `cpe:2.3:a:${listed[key]}:${numbers.join('.')}:*:*:*:*:${software}:*:*` };
}

function purlOf(name, version) {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

/** The npm packages with code in the bundle, as esbuild lists them. */
function bundledPackages() {
  const { inputs } = JSON.parse(readFileSync('build/meta.json', 'utf8'));
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const folder = /.*node_modules\/(?:@[^/]+\/)?[^/]+/;
  const found = Object.keys(inputs).map((path) => folder.exec(path)?.[0]);
  return [...new Set(found)]
    .filter((path) => path !== undefined)
    .sort()
    .map((path) => {
      const { version, integrity, license } = packages[path];
      const name = path.replace(/.*node_modules\//, '');
      const purl = purlOf(name, version);
      return {
        'bom-ref': purl,
        type: 'library',
        name,
        version,
        ...cpeOf(name, version),
        purl,
        hashes: [sri(integrity)],
        licenses: licensesOf(license),
      };
    });
}

function sri(integrity) {
  const content = Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex');
  return { alg: 'SHA-512', content };
}
