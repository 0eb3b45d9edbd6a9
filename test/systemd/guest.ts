// Makes a small Debian for ARM in which the real systemd starts the agent: unpacked packages of
// Debian, BusyBox as the shell, and the agent as the recipes of the layer install it.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { initHead, makeExt4, makeInitramfs } from '../powercut/guest.ts';
import { standsFor, unpacked } from '../support/debian.ts';
import { enable, installAgent } from './image.ts';
import type { Guest } from '../powercut/guest.ts';
import type { Integration } from './image.ts';

/** systemd and the libraries that it is linked with. */
const packages = `
systemd libsystemd0 libsystemd-shared libc6 libstdc++6 libgcc-s1 libacl1 libapparmor1 libargon2-1
libaudit1 libblkid1 libcap-ng0 libcap2 libcrypt1 libcryptsetup12 libdevmapper1.02.1 libfdisk1
libffi8 libgcrypt20 libgpg-error0 libip4tc2 libjson-c5 libkmod2 liblz4-1 liblzma5 libmount1
libp11-kit0 libpam0g libpcre2-8-0 libseccomp2 libselinux1 libssl3 libudev1 libuuid1 libzstd1`;

/** SWUpdate and the libraries that it is linked with in addition. */
const swupdatePackages = `
swupdate libarchive13 libb2-1 libbrotli1 libbz2-1.0 libcom-err2 libconfig9 libcurl4 libext2fs2
libgmp10 libgnutls30 libgomp1 libgpiod2 libgssapi-krb5-2 libhogweed6 libicu72 libidn2-0
libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 libldap-2.5-0 liblua5.3-0 libnettle8
libnghttp2-14 libpsl5 librsync2 librtmp1 libsasl2-2 libssh2-1 libswupdate0.1 libtasn1-6
libunistring2 liburiparser1 libwebsockets17 libxml2 libzck1 zlib1g`;

const init = `${initHead}mount -t ext4 "$system" /system
[ -z "$data" ] || mount -t ext4 "$data" /system/data
exec switch_root /system /lib/systemd/systemd
`;

/** Runs the commands that arrive on the serial line, one in each line. */
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

const applets = `sh [ test cp mv rm mkdir chown chmod mknod sync cat kill sleep stat stty grep ls
sort touch sha1sum`;

export type UnitGuestOptions = {
  readonly folder: string;
  /** Name of its files in `folder`. */
  readonly name: string;
  /** The unpacked tarball of the release. */
  readonly release: string;
  readonly integration: Integration;
  /** If true, Debian's SWUpdate runs as a daemon, with sockets from systemd. */
  readonly hasSwupdate?: boolean;
  /** More files, by their paths. */
  readonly files: { readonly [path: string]: string };
};

export function makeUnitGuest(options: UnitGuestOptions): Guest {
  const { folder, name, release, integration, files } = options;
  const image = standsFor('arm64', 'linux-image-cloud-arm64');
  const debian = unpacked('arm64', ['busybox-static', image]);
  const busybox = join(debian, 'bin/busybox');
  const initramfs = makeInitramfs(join(folder, `${name}-initramfs`), debian, busybox, init);
  const system = join(folder, name);
  addPackages(system, packages);
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(system, path)), { recursive: true });
    writeFileSync(join(system, path), text);
  };
  const link = (path: string, to: string) => {
    mkdirSync(dirname(join(system, path)), { recursive: true });
    rmSync(join(system, path), { force: true });
    symlinkSync(to, join(system, path));
  };
  for (const path of ['proc', 'sys', 'dev', 'run', 'tmp', 'var/log', 'root', 'data']) {
    mkdirSync(join(system, path), { recursive: true });
  }
  copyFileSync(busybox, join(system, 'bin/busybox'));
  for (const applet of applets.split(/\s+/)) link(`bin/${applet}`, 'busybox');
  put('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n');
  put('etc/group', 'root:x:0:\nnogroup:x:65534:\nsystemd-journal:x:900:\n');
  put('etc/os-release', 'ID=try\nNAME=try\n');
  put('etc/machine-id', `${'0123456789abcdef'.repeat(2)}\n`);
  const units = 'etc/systemd/system';
  put('shell', shell);
  put(`${units}/shell.service`, shellUnit);
  link(`${units}/default.target`, '/lib/systemd/system/multi-user.target');
  link(`${units}/multi-user.target.wants/shell.service`, '../shell.service');
  // These need what is absent here: a bus, terminals, udev.
  for (const unit of ['systemd-logind.service', 'getty.target', 'systemd-udevd.service']) {
    link(`${units}/${unit}`, '/dev/null');
  }
  installAgent(system, release, integration);
  if (options.hasSwupdate === true) addSwupdate(system, put);
  for (const [path, text] of Object.entries(files)) put(path, text);
  const file = `${system}.img`;
  makeExt4(file, 512, system);
  execFileSync('rm', ['-rf', system]);
  const kernel = join(debian, 'boot', `vmlinuz-${image.replace('linux-image-', '')}`);
  return { kernel, initramfs, system: file, isWritable: true };
}

function addPackages(system: string, names: string): void {
  const from = unpacked('arm64', names.trim().split(/\s+/));
  cpSync(from, system, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !/\/(usr\/share|gconv|var)(\/|$)/.test(path.slice(from.length)),
  });
}

/** Installs SWUpdate as its package does; its group may use the sockets. */
function addSwupdate(system: string, put: (path: string, text: string) => void): void {
  addPackages(system, swupdatePackages);
  const args = '-v -k /etc/swupdate/public.pem -e stable,main -H demo:1.0';
  put('etc/swupdate/conf.d/10-args', `SWUPDATE_ARGS="${args}"\n`);
  execFileSync('groupadd', ['--prefix', system, '--system', 'swupdate'], { stdio: 'pipe' });
  enable(system, 'swupdate.service', 'swupdate.socket');
}
