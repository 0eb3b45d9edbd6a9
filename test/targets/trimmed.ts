// Makes executables as `build.mjs` does, from another script or with other steps.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { targetOf } from '../support/target.ts';
import { root } from './built.ts';
import { cache } from './tree.ts';
import type { Target } from '../support/target.ts';

export type Range = { readonly from: number; readonly to: number };
export type Trimmed = {
  readonly program: Buffer;
  readonly unused: readonly Range[];
  readonly removed: readonly { readonly what: string; readonly components: readonly string[] }[];
};
export type Segment = {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly physical: number;
  readonly bytes: number;
  readonly memory: number;
  readonly align: number;
  readonly flags: number;
};
export type Section = {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
};

type Tools = {
  trim(program: Buffer, version: string): Trimmed;
  trimIcu(program: Buffer, version: string): Pick<Trimmed, 'program' | 'unused'>;
  stripped(program: Buffer): Buffer;
  readSegments(program: Buffer): readonly Segment[];
  segmentTable(program: Buffer, segments: readonly Segment[]): Buffer;
  readSections(program: Buffer): readonly Section[];
  makeBlob(program: Buffer, target: Target, name: string, script: Buffer): Buffer;
  inject(file: string, blob: Buffer): Promise<void>;
  cut(program: Buffer, unused: readonly Range[], version: string): Buffer;
};

/** Each name is in one of these files. */
const files = ['trim.mjs', 'icu.mjs', 'elf.mjs', 'sea.mjs', 'segments.mjs'];
const load = (name: string) => import(pathToFileURL(resolve(root, 'targets', name)).href);
export const tools: Tools = Object.assign({}, ...(await Promise.all(files.map(load))));

export function pinnedNode(target: string): Buffer {
  const { package: name, version } = targetOf(target).node;
  return readFileSync(join(cache, `${name}-${version}`, 'node'));
}

/** Writes an executable into this folder and returns its path. */
export async function executableOf(
  target: string,
  folder: string,
  script: string,
  trim: (program: Buffer) => Pick<Trimmed, 'program' | 'unused'> = (one) => tools.trim(one, 'x'),
): Promise<string> {
  const node = pinnedNode(target);
  const blob = tools.makeBlob(node, targetOf(target), 'probe.cjs', Buffer.from(script));
  const path = join(folder, `probe-${target}`);
  writeFileSync(path, tools.stripped(node), { mode: 0o755 });
  await tools.inject(path, blob);
  const { program, unused } = trim(readFileSync(path));
  writeFileSync(path, tools.cut(program, unused, 'x'));
  return path;
}
