// The bill of materials beside each executable: what CycloneDX 1.5 requires of it, what it says of
// the very file beside it, and whether Node says the same of itself.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses: readonly License[];
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

/** By which each can be told from the others. */
const phrases: { readonly [id: string]: RegExp } = {
  MIT: /Permission is hereby granted, free of\s+charge/,
  'Apache-2.0': /Apache License/,
  'BSD-2-Clause': /Redistribution and use in source and binary forms/,
  'BSD-3-Clause': /Neither the name/,
  Zlib: /provided 'as-is', without any express or implied/,
  'Unicode-3.0': /UNICODE LICENSE V3/,
  'Unicode-DFS-2016': /LICENSE AGREEMENT - DATA FILES AND SOFTWARE/,
};

const hashLengths: { readonly [algorithm: string]: number } = { 'SHA-256': 64, 'SHA-512': 128 };

for (const target of targets) {
  const { node, components: promised } = targetOf(target);

  test(`of ${target} has every member that CycloneDX 1.5 requires, in its spelling`, () => {
    const bom = bomOf(target);
    assert.equal([bom.bomFormat, bom.specVersion, bom.version], ['CycloneDX', '1.5', 1]);
    const all = [bom.metadata.component, ...bom.components];
    for (const { type, name, version, licenses, hashes = [] } of all) {
      assert.ok(['application', 'platform', 'library'].includes(type), type);
      assert.ok(name !== '' && version !== '', name);
      assert.is(licenses.length, 1, name);
      for (const { license, expression } of licenses) {
        assert.match(license?.id ?? expression ?? '', /^[A-Za-z0-9.-]+$/);
      }
      for (const { alg, content } of hashes) {
        assert.match(content, new RegExp(`^[0-9a-f]{${hashLengths[alg] ?? 0}}$`));
      }
    }
    const refs = all.map((one) => one['bom-ref']);
    assert.is(new Set(refs).size, refs.length);
    assert.equal(bom.dependencies.map(({ ref }) => ref).sort(), [...refs].sort());
    const reached = bom.dependencies.flatMap(({ dependsOn = [] }) => dependsOn);
    assert.equal(reached.sort(), refs.slice(1).sort());
  });

  test(`of ${target} names the file beside it by its hash`, () => {
    const hash = createHash('sha256').update(readFileSync(fileOf(target))).digest('hex');
    const [found] = bomOf(target).metadata.component.hashes ?? [];
    assert.equal(found, { alg: 'SHA-256', content: hash });
  });

  test(`of ${target} names the npm packages that are in, and no other`, () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const purls = bomOf(target).components.flatMap(({ purl = '' }) => (purl === '' ? [] : [purl]));
    const packages = { [node.package]: node.version, ...dependencies };
    const wanted = Object.entries(packages).map(([name, version]) => `pkg:npm/${name}@${version}`);
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
