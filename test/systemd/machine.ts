// The guest with a shell on its serial line: one command, one answer.
import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import type { Guest } from '../powercut/guest.ts';

export type Shell = {
  /** What it printed; the exit code is the last line's. */
  run(command: string): Promise<string>;
  /** Asks until what is said matches. */
  until(command: string, pattern: RegExp): Promise<string>;
  end(): Promise<void>;
  said(): string;
};

const limitMs = 240_000;

export async function boot(guest: Guest): Promise<Shell> {
  const child = spawn('qemu-system-aarch64', [
    ...['-M', 'virt,gic-version=2', '-cpu', 'cortex-a53', '-accel', 'tcg,thread=multi'],
    ...['-smp', '2', '-m', '512', '-nographic', '-nodefaults', '-no-reboot', '-serial', 'stdio'],
    ...['-kernel', guest.kernel, '-initrd', guest.initramfs],
    ...['-append', 'console=ttyAMA0 quiet panic=-1 systemd.show_status=0 loglevel=3'],
    ...['-drive', `if=none,id=system,format=raw,snapshot=on,file=${guest.system}`],
    ...['-device', 'virtio-blk-device,drive=system'],
    ...['-netdev', 'user,id=net', '-device', 'virtio-net-device,netdev=net'],
    ...['-device', 'virtio-rng-device'],
  ]);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => (text += more));
  }
  let isOver = false;
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  void ended.then(() => (isOver = true));

  async function wait(pattern: RegExp, from: number): Promise<RegExpExecArray> {
    for (let waitedMs = 0; waitedMs < limitMs && !isOver; waitedMs += 50) {
      const found = pattern.exec(text.slice(from));
      if (found !== null) return found;
      await pause(50);
    }
    throw new Error(`no ${String(pattern)}${isOver ? ', the machine ended' : ''}:\n${text}`);
  }

  async function run(command: string): Promise<string> {
    const from = text.length;
    child.stdin.write(`${command}\n`);
    const found = await wait(/^END (\d+)\r?$/m, from);
    return text.slice(from, from + found.index).replaceAll('\r', '').trim();
  }

  async function until(command: string, pattern: RegExp): Promise<string> {
    const endMs = Date.now() + limitMs;
    for (;;) {
      const said = await run(command);
      if (pattern.test(said)) return said;
      if (Date.now() > endMs) throw new Error(`no ${String(pattern)} of ${command}:\n${said}`);
      await pause(300);
    }
  }

  await wait(/^SHELL READY/m, 0);
  const end = () => {
    child.kill('SIGKILL');
    return ended;
  };
  return { run, until, end, said: () => text };
}
