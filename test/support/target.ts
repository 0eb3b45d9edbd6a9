// The ARM targets on a machine that is none: qemu's user-mode emulation, with Debian's libraries.
import { unpacked } from './debian.ts';
import type { DebianArch } from './debian.ts';

export type ArmTarget = 'linux-arm64' | 'linux-armv7l';

/** What a Node of npm is linked with; the one for 32 bits wants libatomic, too. */
const libraries = ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1', 'libeatmydata1'];

const emulators: { readonly [target in ArmTarget]: readonly [qemu: string, arch: DebianArch] } = {
  'linux-arm64': ['qemu-aarch64-static', 'arm64'],
  'linux-armv7l': ['qemu-arm-static', 'armhf'],
};

export function librariesOf(target: ArmTarget): string {
  return unpacked(emulators[target][1], libraries);
}

/** What has to come before an executable of a foreign CPU. */
export function emulatorFor(target: string | undefined): readonly string[] {
  if (target !== 'linux-arm64' && target !== 'linux-armv7l') return [];
  return [emulators[target][0], '-L', librariesOf(target)];
}
