// Makes an emulated ARM machine for measurements: a real kernel, and the two programs to compare.
// Memory is that of a device with the same kernel; times are those of the emulator.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { initHead, makeExt4, makeInitramfs } from '../powercut/guest.ts';
import { putLibraries, putPrograms } from '../powercut/guest.ts';
import { standsFor, unpacked } from '../support/debian.ts';
import { shell } from '../systemd/guest.ts';
import type { Guest } from '../powercut/guest.ts';
import type { ArmTarget } from '../support/target.ts';

const init = `${initHead}mount -t ext4 -o ro "$system" /system
for name in proc dev; do mount --bind "/$name" "/system/$name"; done
mount -t tmpfs tmpfs /system/tmp
exec chroot /system /bin/sh /shell </dev/ttyAMA0 >/dev/ttyAMA0 2>&1
`;

/** Prints the maximum of each value, sampled until the file is removed. */
const watch = `rss=0; anon=0; pss=0
while [ -e "$2" ]; do
  while read -r key value unit; do
    case $key in
      VmRSS:) [ "$value" -gt "$rss" ] && rss=$value ;;
      RssAnon:) [ "$value" -gt "$anon" ] && anon=$value ;;
      Pss:) [ "$value" -gt "$pss" ] && pss=$value ;;
    esac
  done <<END
$(cat "/proc/$1/status" "/proc/$1/smaps_rollup")
END
  sleep 0.1
done
echo "VmRSS: $rss"
echo "RssAnon: $anon"
echo "Pss: $pss"
`;

/**
 * Prints seconds since the boot: before the start, and when the node has registered the service.
 * The shell reads the log as it comes: a program that polls would take time from the agent.
 */
const start = `rm -f /tmp/log
mkfifo /tmp/log
exec 3<>/tmp/log
read -r before rest </proc/uptime
/bin/sota-agent run --config /tmp/config.toml 2>/tmp/log 3>&- &
echo $! >/tmp/pid
while read -r line <&3; do
  case $line in *' registered '*) break ;; esac
done
read -r after rest </proc/uptime
echo "$before $after"
`;

/** What any program on the HTTP of Node does at its start: it listens, and opens a connection. */
const floor = `const [, , host, port] = process.argv;
require('http').createServer().listen(0, () => {
  require('net').connect(port, host, () => process.exit(0));
});
`;

export type Programs = { readonly agent: string; readonly node: string };

export function makeGuest(folder: string, target: ArmTarget, { agent, node }: Programs): Guest {
  const image = standsFor('arm64', 'linux-image-cloud-arm64');
  const debian = unpacked('arm64', ['busybox-static', image]);
  const busybox = join(debian, 'bin/busybox');
  const initramfs = makeInitramfs(join(folder, 'initramfs'), debian, busybox, init);
  const system = join(folder, 'system');
  for (const name of ['bin', 'proc', 'dev', 'tmp']) {
    mkdirSync(join(system, name), { recursive: true });
  }
  putLibraries(system, target);
  const applets = 'sh stty sleep cat kill true rm mkfifo';
  putPrograms(system, busybox, applets, { 'sota-agent': agent, node });
  for (const [name, text] of Object.entries({ shell, watch, start, 'floor.cjs': floor })) {
    writeFileSync(join(system, name), text);
  }
  const file = `${system}.img`;
  makeExt4(file, 384, system);
  const kernel = join(debian, 'boot', `vmlinuz-${image.replace('linux-image-', '')}`);
  return { kernel, initramfs, system: file };
}
