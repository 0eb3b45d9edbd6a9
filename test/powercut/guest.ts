// Makes the guest: Debian's kernel, an initramfs of BusyBox and a few modules, and a read-only
// system disk with the executable and its libraries only.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync } from 'node:fs';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { standsFor, unpacked } from '../support/debian.ts';
import { librariesOf } from '../support/target.ts';
import type { ArmTarget } from '../support/target.ts';

/** Paths of files. */
export type Guest = {
  readonly kernel: string;
  readonly initramfs: string;
  readonly system: string;
  /** If true, its writes survive the next boot; otherwise the disk is read-only. */
  readonly isWritable?: boolean;
};

/** One 64-bit kernel runs the programs of both targets. */
const modules = ['virtio_mmio', 'virtio_blk', 'virtio_net', 'virtio_rng'];

/** The start of the init script of each guest: devices, modules, disks by name, network. */
export const initHead = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /system
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do insmod "/modules/$module"; done </modules/order
# By serial: the order of the disks is not promised.
for disk in /sys/block/vd*; do
  case $(cat "$disk/serial") in
    system) system=/dev/\${disk##*/} ;;
    data) data=/dev/\${disk##*/} ;;
  esac
done
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
`;

/** Waits for one line from the host before it uses the data disk: `name=value` words. */
const init = `${initHead}exec </dev/ttyAMA0 >/dev/ttyAMA0 2>&1
stty -echo
mount -t ext4 -o ro "$system" /system
for name in proc dev; do mount --bind "/$name" "/system/$name"; done
mount -t tmpfs tmpfs /system/tmp
# Its pages are in memory afterwards, also in every machine that goes on from here.
chroot /system /bin/sota-agent version
echo READY
read -r line
eval "$line"
date -s "@$now" >/dev/null
echo "$seed" >/dev/urandom
blockdev --flushbufs "$data"
mount -t ext4 -o "$mount" "$data" /system/data || { echo UNMOUNTABLE; sleep 3600; }
echo MOUNTED
chroot /system /bin/env -i PATH=/bin TMPDIR=/tmp LD_PRELOAD="$preload" \\
  SOTA_AGENT_RVI_URL="$url" $listen /bin/sota-agent run --config /agent.toml
echo "ENDED $?"
sleep 3600
`;

const config = `[storage]
dir = "/data/sota"
min_free = "1 MiB"

[rvi]
# Longer than the server needs on a busy machine that emulates the agent.
stall_timeout = 20
finish_timeout = 5

[installer]
max_attempts = 28

[installer.command]
program = "/bin/sh"
args = ["/install.sh"]

[control]
socket = "/tmp/control.sock"
`;

/** An installer with an atomic result: the new file is complete, or it does not exist. */
const install = `set -e
cp "$SOTA_PACKAGE_FILE" /data/installed.new
sync
mv /data/installed.new /data/installed
sync
`;

export function makeGuest(
  folder: string,
  target: ArmTarget,
  executable: string,
  ca: Buffer,
): Guest {
  const image = standsFor('arm64', 'linux-image-cloud-arm64');
  const debian = unpacked('arm64', ['busybox-static', image]);
  const busybox = join(debian, 'bin/busybox');
  const initramfs = makeInitramfs(join(folder, 'initramfs'), debian, busybox, init);
  const system = makeSystem(join(folder, 'system'), busybox, target, executable, ca);
  const kernel = `vmlinuz-${image.replace('linux-image-', '')}`;
  return { kernel: join(debian, 'boot', kernel), initramfs, system };
}

export function makeInitramfs(
  folder: string,
  debian: string,
  busybox: string,
  script: string,
): string {
  for (const name of ['bin', 'modules']) mkdirSync(join(folder, name), { recursive: true });
  copyFileSync(busybox, join(folder, 'bin/busybox'));
  const order = withNeeded(debian);
  for (const path of order) copyFileSync(path, join(folder, 'modules', basename(path)));
  const names = order.map((path) => basename(path));
  writeFileSync(join(folder, 'modules/order'), `${names.join('\n')}\n`);
  writeFileSync(join(folder, 'init'), script, { mode: 0o755 });
  const file = `${folder}.cpio`;
  const pack = `find . | cpio -o -H newc --quiet >"${file}"`;
  execFileSync('sh', ['-c', pack], { cwd: folder, stdio: 'pipe' });
  return file;
}

/** Returns the modules after those that they need; built-in modules have no file. */
function withNeeded(debian: string): readonly string[] {
  const root = join(debian, 'lib/modules');
  const files = readdirSync(root, { recursive: true }).map((name) => join(root, String(name)));
  const nameOf = (path: string) => basename(path, '.ko').replaceAll('-', '_');
  const byName = new Map(
    files.filter((path) => path.endsWith('.ko')).map((path) => [nameOf(path), path]),
  );
  const order: string[] = [];
  const visit = (name: string) => {
    const path = byName.get(name);
    if (path === undefined || order.includes(path)) return;
    const found = /\0depends=([^\0]*)/.exec(readFileSync(path, 'latin1'))?.[1] ?? '';
    for (const needed of found.split(',')) visit(needed.replaceAll('-', '_'));
    order.push(path);
  };
  modules.forEach(visit);
  return order;
}

function makeSystem(
  folder: string,
  busybox: string,
  target: ArmTarget,
  executable: string,
  ca: Buffer,
): string {
  for (const name of ['bin', 'proc', 'dev', 'tmp', 'data']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  putLibraries(folder, target);
  putPrograms(folder, busybox, 'sh env cp mv sync', { 'sota-agent': executable });
  writeFileSync(join(folder, 'agent.toml'), config);
  writeFileSync(join(folder, 'install.sh'), install);
  writeFileSync(join(folder, 'ca.pem'), ca);
  const file = `${folder}.img`;
  makeExt4(file, 192, folder);
  return file;
}

export function putLibraries(folder: string, target: ArmTarget): void {
  const debian = librariesOf(target);
  cpSync(join(debian, 'lib'), join(folder, 'lib'), { recursive: true, verbatimSymlinks: true });
  cpSync(join(debian, 'usr/lib'), join(folder, 'usr/lib'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !path.includes('/gconv'),
  });
}

export function putPrograms(
  folder: string,
  busybox: string,
  applets: string,
  more: { readonly [name: string]: string },
): void {
  copyFileSync(busybox, join(folder, 'bin/busybox'));
  for (const applet of applets.split(' ')) {
    execFileSync('ln', ['-s', 'busybox', join(folder, 'bin', applet)]);
  }
  for (const [name, path] of Object.entries(more)) {
    copyFileSync(path, join(folder, 'bin', name));
    chmodSync(join(folder, 'bin', name), 0o755);
  }
}

/** `content`: a folder. */
export function makeExt4(
  file: string,
  mebibytes: number,
  content?: string,
  blockBytes?: number,
): void {
  const options = [
    ...(content === undefined ? [] : ['-d', content]),
    ...(blockBytes === undefined ? [] : ['-b', String(blockBytes)]),
  ];
  execFileSync('mkfs.ext4', ['-q', '-F', ...options, file, `${mebibytes}M`], { stdio: 'pipe' });
}
