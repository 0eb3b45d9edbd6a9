// The ARM targets on a machine of another CPU: qemu's user-mode emulation, with Debian's libraries.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { unpacked } from './debian.ts';
import type { DebianArch } from './debian.ts';

export type ArmTarget = 'linux-arm64' | 'linux-armv7l';

/** The libraries of npm's Node; the 32-bit one needs libatomic, too. */
const libraries = ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1', 'libeatmydata1'];

/** The content of targets/NAME.json, which is read without a check. */
export type Target = {
  readonly debian: DebianArch;
  readonly qemu?: string;
  /** Where Debian's packages have the libraries of that CPU. */
  readonly libraryFolder?: string;
  readonly node: {
    readonly package: string;
    readonly version: string;
    /** The end of security fixes of that line of Node. */
    readonly maintainedUntil: string;
  };
  readonly components: { readonly [name: string]: string };
  readonly elf: { readonly class: number; readonly machine: number };
  readonly glibcMin: string;
  readonly glibcxxMin: string;
  readonly libraries: readonly string[];
  readonly execArgv: readonly string[];
};

export function targetOf(name: string): Target {
  const path = join(process.env['SOTA_AGENT_ROOT'] ?? '.', `targets/${name}.json`);
  const target: Target = JSON.parse(readFileSync(path, 'utf8'));
  return target;
}

export function librariesOf(target: ArmTarget): string {
  return unpacked(targetOf(target).debian, libraries);
}

/** Returns the command before an executable of a foreign CPU. */
export function emulatorFor(target: string | undefined): readonly string[] {
  if (target !== 'linux-arm64' && target !== 'linux-armv7l') return [];
  const { qemu } = targetOf(target);
  if (qemu === undefined) throw new Error(`targets/${target}.json names no qemu`);
  return [qemu, '-L', librariesOf(target)];
}
