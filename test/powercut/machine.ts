// Runs one emulated machine: qemu as a child process, its serial line, its monitor. A power loss is
// the end of that process; there is no other way to stop it.
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { idleMsMax, until as waitUntil } from '../support/idle.ts';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Guest } from './guest.ts';

export type MachineOptions = {
  readonly guest: Guest;
  /** Address of the NBD server that is the data disk. */
  readonly disk?: string;
  /** Socket of qemu's monitor; without it the machine cannot be saved. */
  readonly monitor?: string;
  /** Host port that leads to port 9080 of the guest. */
  readonly port?: number;
  /** A saved machine to start from; without it the machine boots. */
  readonly from?: string;
  readonly size?: Size;
  /** If true, time in the guest is the number of its instructions, 2 ns each, plus its waits. */
  readonly isCounted?: boolean;
  /** Parameters for the kernel. */
  readonly words?: string;
};

export type Size = { readonly cpus: number; readonly memoryMebibytes: number };

export type Machine = {
  /** Returns the output of the serial line until this moment. */
  said(): string;
  /** Rejects if the machine ends, or if the text does not appear before the limit. */
  until(pattern: RegExp, limitMs?: number): Promise<void>;
  type(line: string): void;
  /** Writes the machine with its memory to a file; the machine is not usable afterwards. */
  save(file: string): Promise<void>;
  cut(): Promise<void>;
  isOver(): boolean;
};

export async function startMachine(options: MachineOptions): Promise<Machine> {
  const child = spawn('qemu-system-aarch64', argumentsOf(options), { stdio: 'pipe' });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const text = gather(child);
  let isOver = false;
  void ended.then(() => (isOver = true));

  async function until(pattern: RegExp, limitMs = idleMsMax): Promise<void> {
    const what = `${String(pattern)} of the machine`;
    await waitUntil(what, () => isOver || pattern.test(text()), limitMs).catch((error: unknown) => {
      throw new Error(`${String(error)}:\n${text()}`);
    });
    if (!pattern.test(text())) throw new Error(`the machine ended before ${what}:\n${text()}`);
  }

  async function save(file: string): Promise<void> {
    const monitor = await createMonitor(options);
    await monitor.run('migrate', { uri: `exec:cat >'${file}'` });
    await monitor.wait('query-migrate', 'completed');
    await cut();
  }

  async function cut(): Promise<void> {
    child.kill('SIGKILL');
    await ended;
  }

  if (options.from !== undefined) {
    const monitor = await createMonitor(options);
    await monitor.wait('query-status', 'running');
    monitor.close();
  }
  return {
    said: text,
    until,
    type: (line) => void child.stdin.write(`${line}\n`),
    save,
    cut,
    isOver: () => isOver,
  };
}

const smallest: Size = { cpus: 1, memoryMebibytes: 320 };

function argumentsOf(options: MachineOptions): readonly string[] {
  const { guest, disk, monitor, port, from, size = smallest, words = '' } = options;
  const isCounted = options.isCounted === true;
  const accel = `tcg,thread=${isCounted ? 'single' : 'multi'}`;
  const blank = 'driver=raw,file.driver=nbd,file.server.type=unix';
  const access = guest.isWritable === true ? 'cache=writeback' : 'readonly=on';
  const forward = port === undefined ? '' : `,hostfwd=tcp:127.0.0.1:${port}-10.0.2.15:9080`;
  return [
    ...['-M', 'virt,gic-version=2', '-cpu', 'cortex-a53', '-accel', accel],
    ...(isCounted ? ['-icount', 'shift=1'] : []),
    ...['-smp', String(size.cpus), '-m', String(size.memoryMebibytes)],
    ...['-nographic', '-nodefaults', '-no-reboot', '-serial', 'stdio'],
    ...(monitor === undefined ? [] : ['-qmp', `unix:${monitor},server=on,wait=off`]),
    ...['-kernel', guest.kernel, '-initrd', guest.initramfs],
    ...['-append', `console=ttyAMA0 quiet panic=-1 ${words}`],
    ...['-drive', `if=none,id=system,format=raw,${access},file=${guest.system}`],
    ...['-device', 'virtio-blk-device,drive=system,serial=system'],
    ...(disk === undefined
      ? []
      : [
          ...['-drive', `if=none,id=data,${blank},file.server.path=${disk},cache=writeback`],
          ...['-device', 'virtio-blk-device,drive=data,serial=data'],
        ]),
    ...['-netdev', `user,id=net${forward}`],
    ...['-device', 'virtio-net-device,netdev=net', '-device', 'virtio-rng-device'],
    ...(from === undefined ? [] : ['-incoming', `exec:cat '${from}'`]),
  ];
}

function gather(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (more: string) => (text += more));
  }
  child.stdin?.on('error', () => undefined);
  return () => text;
}

/** qemu's monitor: one line of JSON in each direction; events between the responses are skipped. */
async function createMonitor({ monitor: path }: MachineOptions) {
  if (path === undefined) throw new Error('a machine without a monitor');
  const socket = await connected(path);
  const answers: string[] = [];
  let rest = '';
  socket.setEncoding('utf8').on('data', (data: string) => {
    const lines = `${rest}${data}`.split('\n');
    rest = lines.pop() ?? '';
    answers.push(...lines.filter((line) => /"(return|error)":/.test(line)));
  });

  async function run(execute: string, given: { readonly [key: string]: string } = {}) {
    socket.write(`${JSON.stringify({ execute, arguments: given })}\n`);
    await waitUntil(`the monitor to answer ${execute}`, () => answers.length > 0);
    const answer = answers.shift() ?? '';
    if (answer.includes('"error":')) throw new Error(`${execute}: ${answer}`);
    return answer;
  }

  async function wait(query: string, status: string): Promise<void> {
    await waitUntil(`${query}: ${status}`, async () => {
      const answer = await run(query);
      if (answer.includes('"status": "failed"')) throw new Error(`${query}: ${answer}`);
      return answer.includes(`"status": "${status}"`);
    });
  }

  await run('qmp_capabilities');
  return { run, wait, close: () => socket.destroy() };
}

/** The socket appears shortly after the process starts. */
async function connected(path: string): Promise<Socket> {
  let socket: Socket | undefined;
  await waitUntil(`a monitor at ${path}`, async () => {
    const tried = connect(path);
    const isOpen = await new Promise<boolean>((resolve) => {
      tried.once('connect', () => resolve(true));
      tried.once('error', () => resolve(false));
    });
    if (isOpen) socket = tried.on('error', () => undefined);
    return isOpen;
  });
  if (socket === undefined) throw new Error(`no monitor at ${path}`);
  return socket;
}
