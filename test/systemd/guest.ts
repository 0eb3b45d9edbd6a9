// A small Debian for ARM in which the real systemd starts the agent by the unit that is handed out:
// its packages unpacked side by side, BusyBox for a shell, the executable, the backend on the host.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeExt4, makeInitramfs } from '../powercut/guest.ts';
import { standsFor, unpacked } from '../support/debian.ts';
import type { Guest } from '../powercut/guest.ts';

/** systemd and what it is linked with. */
const packages = `
systemd libsystemd0 libsystemd-shared libc6 libstdc++6 libgcc-s1 libacl1 libapparmor1 libargon2-1
libaudit1 libblkid1 libcap-ng0 libcap2 libcrypt1 libcryptsetup12 libdevmapper1.02.1 libfdisk1
libffi8 libgcrypt20 libgpg-error0 libip4tc2 libjson-c5 libkmod2 liblz4-1 liblzma5 libmount1
libp11-kit0 libpam0g libpcre2-8-0 libseccomp2 libselinux1 libssl3 libudev1 libuuid1 libzstd1`;

const init = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /system
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do insmod "/modules/$module"; done </modules/order
mount -t ext4 /dev/vda /system
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
exec switch_root /system /lib/systemd/systemd
`;

/** Does what it is told over the serial line, a command a line. */
export const shell = `stty -echo
echo 'SHELL READY'
while read -r line; do
  eval "$line"
  echo "END $?"
done
`;

const shellUnit = `[Service]
ExecStart=/bin/sh /shell
StandardInput=tty
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyAMA0
`;

/**
 * What packages of opkg do: files and owners anywhere, a device, rights of root; and one of the
 * agent itself, as the recipes make it, has the service started anew behind its back.
 */
const install = `set -e
exec >>/install.log 2>&1
echo "begins $SOTA_PACKAGE_NAME"
mkdir -p /usr/lib/packages /boot /home/packages
cp "$SOTA_PACKAGE_FILE" /usr/lib/packages/installed
chown 33:33 /usr/lib/packages/installed
chmod 4755 /usr/lib/packages/installed
rm -f /home/packages/device
mknod /home/packages/device c 1 3
cp /usr/lib/packages/installed /boot/installed
systemctl daemon-reload
if [ "$SOTA_PACKAGE_NAME" = sota-agent ]; then
  systemctl --no-block restart sota-agent
  sleep 5
fi
sync
echo "done $SOTA_PACKAGE_NAME"
`;

export type UnitGuestOptions = {
  readonly folder: string;
  readonly executable: string;
  /** Seen from the guest. */
  readonly url: string;
  /** Shorter times than a device has. */
  readonly dropIn: string;
};

export function makeUnitGuest({ folder, executable, url, dropIn }: UnitGuestOptions): Guest {
  const image = standsFor('arm64', 'linux-image-cloud-arm64');
  const debian = unpacked('arm64', ['busybox-static', image]);
  const busybox = join(debian, 'bin/busybox');
  const initramfs = makeInitramfs(join(folder, 'initramfs'), debian, busybox, init);
  const system = join(folder, 'system');
  cpSync(unpacked('arm64', packages.trim().split(/\s+/)), system, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !/\/(usr\/share|gconv|var)(\/|$)/.test(path.slice(folder.length)),
  });
  const put = (path: string, text: string) => {
    mkdirSync(join(system, path, '..'), { recursive: true });
    writeFileSync(join(system, path), text);
  };
  const link = (path: string, to: string) => {
    mkdirSync(join(system, path, '..'), { recursive: true });
    rmSync(join(system, path), { force: true });
    symlinkSync(to, join(system, path));
  };
  for (const name of ['proc', 'sys', 'dev', 'run', 'tmp', 'var/log', 'root', 'usr/bin']) {
    mkdirSync(join(system, name), { recursive: true });
  }
  copyFileSync(busybox, join(system, 'bin/busybox'));
  const applets = 'sh cp mv rm mkdir chown chmod mknod sync cat kill sleep stat stty grep';
  for (const applet of applets.split(' ')) link(`bin/${applet}`, 'busybox');
  copyFileSync(executable, join(system, 'usr/bin/sota-agent'));
  put('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n');
  put('etc/group', 'root:x:0:\nnogroup:x:65534:\nsystemd-journal:x:900:\n');
  put('etc/os-release', 'ID=try\nNAME=try\n');
  put('etc/machine-id', `${'0123456789abcdef'.repeat(2)}\n`);
  put('etc/sota-agent/config.toml', configOf(url));
  put('install.sh', install);
  put('shell', shell);
  const units = 'etc/systemd/system';
  put(`${units}/shell.service`, shellUnit);
  mkdirSync(join(system, units, 'sota-agent.service.d'), { recursive: true });
  copyFileSync('targets/systemd/sota-agent.service', join(system, units, 'sota-agent.service'));
  put(`${units}/sota-agent.service.d/try.conf`, dropIn);
  link(`${units}/default.target`, '/lib/systemd/system/multi-user.target');
  for (const name of ['shell', 'sota-agent']) {
    link(`${units}/multi-user.target.wants/${name}.service`, `../${name}.service`);
  }
  // Want what is not here: a bus, terminals, udev.
  for (const name of ['systemd-logind.service', 'getty.target', 'systemd-udevd.service']) {
    link(`${units}/${name}`, '/dev/null');
  }
  const file = `${system}.img`;
  makeExt4(file, 384, system);
  execFileSync('rm', ['-rf', system]);
  const kernel = join(debian, 'boot', `vmlinuz-${image.replace('linux-image-', '')}`);
  return { kernel, initramfs, system: file };
}

function configOf(url: string): string {
  return `[rvi]
url = "${url}"

[installer]
default = "command"

[installer.command]
program = "/bin/sh"
args = ["/install.sh"]
`;
}
