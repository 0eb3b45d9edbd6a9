// Tests the bill of materials of each executable against the schema of CycloneDX, the executable
// itself, and the versions that Node reports.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { assert, suite } from '../support/suite.ts';
import { targetOf } from '../support/target.ts';
import { canRun, fileOf, root, runOn, targets } from './built.ts';

const test = suite('the bill of materials');

type License = { readonly license?: { readonly id: string }; readonly expression?: string };
type Component = {
  readonly 'bom-ref': string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly cpe?: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses: readonly License[];
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
};
type Bom = {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly version: number;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: string[] }[];
};

function bomOf(target: string): Bom {
  const bom: Bom = JSON.parse(readFileSync(fileOf(target, 'sota-agent.cdx.json'), 'utf8'));
  return bom;
}

const cache = process.env['SOTA_AGENT_CACHE'] ?? join(root, 'build/cache');

/** A phrase that identifies the text of each licence. */
const phrases: { readonly [id: string]: RegExp } = {
  MIT: /Permission is hereby granted, free of\s+charge/,
  'Apache-2.0': /Apache License/,
  'BSD-2-Clause': /Redistribution and use in source and binary forms/,
  'BSD-3-Clause': /Neither the name/,
  Zlib: /provided 'as-is', without any express or implied/,
  'Unicode-3.0': /UNICODE LICENSE V3/,
  'Unicode-DFS-2016': /LICENSE AGREEMENT - DATA FILES AND SOFTWARE/,
};

/** The published schemas: of bills of materials, of SPDX's names for licences, of signatures. */
const packed = createRequire(join(process.cwd(), 'package.json')).resolve(
  '@cyclonedx/cyclonedx-library/package.json',
);
const schemas = join(dirname(packed), 'res/schema');
const program = `import json, sys, jsonschema
folder, bom = sys.argv[1], json.load(sys.stdin)
read = lambda name: json.load(open(f'{folder}/{name}.SNAPSHOT.schema.json'))
schema = read('bom-' + bom['specVersion'])
beside = schema['$id'].rsplit('/', 1)[0]
store = {f'{beside}/{name}.SNAPSHOT.schema.json': read(name) for name in ['spdx', 'jsf-0.82']}
resolver = jsonschema.RefResolver(schema['$id'], schema, store)
for error in jsonschema.Draft7Validator(schema, resolver=resolver).iter_errors(bom):
    print(error.json_path, error.message)`;

/** Debian's Python: the package kas installs jsonschema for it. */
const python = '/usr/bin/python3';
const hasSchemas = spawnSync(python, ['-c', 'import jsonschema']).status === 0;

function complaintsOf(bom: object): string {
  const input = JSON.stringify(bom);
  const ran = spawnSync(python, ['-c', program, schemas], { input, encoding: 'utf8' });
  return `${ran.stdout}${ran.stderr}`;
}

const validates = test.needs('python3-jsonschema', hasSchemas);

validates('a bill of materials that is wrong would be noticed', () => {
  const {
    components: [first, ...others],
    ...bom
  } = bomOf('linux-arm64');
  const wrong = { ...first, licenses: [{ license: { id: 'MIT-ish' } }], type: 'interpreter' };
  const complaints = complaintsOf({ ...bom, components: [wrong, ...others] });
  assert.match(complaints, /components\[0\].*MIT-ish/);
  assert.match(complaints, /components\[0\].*interpreter/);
});

for (const target of targets) {
  const { node, components: promised } = targetOf(target);

  validates(`of ${target} is what the schema of CycloneDX 1.6 wants`, () => {
    const bom = bomOf(target);
    assert.equal([bom.bomFormat, bom.specVersion, bom.version], ['CycloneDX', '1.6', 1]);
    assert.is(complaintsOf(bom), '');
  });

  test(`of ${target} has one license each, and reaches every component once`, () => {
    const bom = bomOf(target);
    const all = [bom.metadata.component, ...bom.components];
    for (const { name, licenses } of all) assert.is(licenses.length, 1, name);
    const refs = all.map((one) => one['bom-ref']);
    assert.is(new Set(refs).size, refs.length);
    assert.equal(bom.dependencies.map(({ ref }) => ref).sort(), [...refs].sort());
    const reached = bom.dependencies.flatMap(({ dependsOn = [] }) => dependsOn);
    assert.equal(reached.sort(), refs.slice(1).sort());
  });

  test(`of ${target} calls components as NVD does, with the versions of their makers`, () => {
    const names = bomOf(target).components.flatMap(({ cpe = '' }) => (cpe === '' ? [] : [cpe]));
    const shape = /^cpe:2\.3:a:[\w.-]+:[\w.-]+:\d+(\.\d+){1,3}(:\*){4}:(\*|node\.js)(:\*){2}$/;
    for (const name of names) assert.match(name, shape);
    const { openssl = '', v8 = '', zlib = '' } = promised;
    assert.ok(names.includes(`cpe:2.3:a:nodejs:node.js:${node.version}:*:*:*:*:*:*:*`));
    const numbersOf = (version: string, count: number) =>
      version.split(/[.+-]/).slice(0, count).join('.');
    for (const [maker, version] of [
      ['openssl:openssl', numbersOf(openssl, 3)],
      ['zlib:zlib', numbersOf(zlib, 3)],
      ['google:v8', numbersOf(v8, 4)],
    ] as const) {
      assert.ok(names.includes(`cpe:2.3:a:${maker}:${version}:*:*:*:*:*:*:*`), maker);
    }
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    assert.ok(names.includes(`cpe:2.3:a:ws_project:ws:${dependencies.ws}:*:*:*:*:node.js:*:*`));
  });
}

for (const target of targets) {
  const { node, components: promised } = targetOf(target);

  test(`of ${target} names the file beside it by its hash`, () => {
    const hash = createHash('sha256')
      .update(readFileSync(fileOf(target)))
      .digest('hex');
    const [found] = bomOf(target).metadata.component.hashes ?? [];
    assert.equal(found, { alg: 'SHA-256', content: hash });
  });

  test(`of ${target} has the end of the security fixes of Node`, () => {
    const [found] = bomOf(target).components;
    const value = node.maintainedUntil;
    assert.is(found?.name, 'node');
    assert.equal(found?.properties, [{ name: 'cdx:lifecycle:milestone:endOfSupport', value }]);
  });

  test(`of ${target} names the npm packages that are in, and no other`, () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const purls = bomOf(target).components.flatMap(({ purl = '' }) => (purl === '' ? [] : [purl]));
    const { acorn, amaro, undici, cjs_module_lexer: lexer } = promised;
    // Of the libraries in Node these four are packages of npm.
    const inNode = { acorn, amaro, undici, 'cjs-module-lexer': lexer };
    const packages = { [node.package]: node.version, ...inNode, ...dependencies };
    const wanted = Object.entries(packages)
      .filter(([, version]) => version !== undefined)
      .map(([name, version]) => `pkg:npm/${name}@${version}`);
    assert.equal(purls.sort(), wanted.sort());
  });

  test(`of ${target} has the licences of that Node's own LICENSE`, () => {
    const text = readFileSync(join(cache, `${node.package}-${node.version}`, 'LICENSE'), 'utf8');
    const sections = new Map(
      text
        .split(/^- (?=.*, located at )/m)
        .map((part) => [part.split(',')[0]?.toLowerCase(), part]),
    );
    const found = bomOf(target).components.filter(({ name }) => sections.has(name));
    assert.ok(found.length > 12, `${found.length}`);
    for (const { name, licenses } of found) {
      const id = licenses[0]?.license?.id ?? '';
      assert.match(sections.get(name) ?? '', phrases[id] ?? /no such licence/, `${name}: ${id}`);
    }
  });

  const runs = test.needs(`what runs ${target}`, canRun(target));
  runs(`of ${target} says of Node's parts what that Node itself says`, () => {
    const program = join(cache, `${node.package}-${node.version}`, 'node');
    const said = runOn(target, program, ['-p', 'JSON.stringify(process.versions)']).out;
    const versions: { readonly [name: string]: string } = JSON.parse(said);
    const { node: own, modules, napi, ...parts } = versions;
    assert.is(own, node.version);
    assert.ok(modules !== undefined && napi !== undefined);
    const present = Object.entries(parts).filter(([, version]) => version !== '');
    assert.equal(promised, Object.fromEntries(present));
    assert.is(bomOf(target).components.length, 1 + present.length + 2);
  });
}

test.run();
