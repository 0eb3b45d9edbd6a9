// opkg, from 0.1 on. Its exit code lies in both directions (installers 2), so what counts is what
// it lists afterwards and what lies on the disk. It forgets everything when it is cut while it
// writes its status file; the copy that `prepare` made brings that back.
import { outputBytesMax } from '../../limits.ts';
import { environment } from '../environment.ts';
import { outlast } from '../orphan.ts';
import { bounded } from '../words.ts';
import { codeOf, createOpkgProgram, isLocked, isRefusedAsSame } from './ask.ts';
import { decodeBefore, encodeBefore } from './before.ts';
import { compareFiles } from './files.ts';
import { readControl, walkFiles } from './ipk.ts';
import { placesOf } from './places.ts';
import { keepCopies, mustSyncAt, restore } from './status.ts';
import type { Settings } from '../../core/settings.ts';
import type { Clock, Disk, Runner, RunResult } from '../../host/ports.ts';
import type { Installer, InstallRequest, Prepared, Probe, Verdict } from '../installer.ts';
import type { Before } from './before.ts';
import type { Thoroughness } from './files.ts';
import type { Control } from './ipk.ts';

/** What is true of the package on this device; `description` is for the report. */
type Truth =
  | { readonly kind: 'installed'; readonly description: string }
  /** Unpacked, and its postinst has yet to succeed. */
  | { readonly kind: 'unpacked'; readonly description: string }
  | { readonly kind: 'not-installed'; readonly description: string }
  /** Listed as installed; its files cannot be compared. */
  | { readonly kind: 'unproven'; readonly description: string }
  | { readonly kind: 'unknown'; readonly description: string }
  | { readonly kind: 'busy'; readonly description: string };

type Ports = { readonly disk: Disk; readonly runner: Runner; readonly clock: Clock };

const busyPollMs = 1_000;

export function createOpkg(ports: Ports, settings: Settings['installer']): Installer {
  const { disk, runner, clock } = ports;
  const { program } = settings.opkg;
  const opkg = createOpkgProgram(runner, settings);

  async function prepare({ path, workDirectory }: InstallRequest): Promise<Prepared> {
    const control = await readControl(disk, path);
    const whole = control.ok ? await walkFiles(disk, path, () => undefined) : control;
    if (!control.ok || !whole.ok) {
      const reason = bounded(`not a whole .ipk: ${whole.ok ? '' : whole.reason}`);
      return { ok: false, code: 'validation-failed', reason };
    }
    const { package: name, version } = control.value;
    const found = await opkg.find(name);
    if (found.kind === 'unanswered') {
      return { ok: false, code: 'install-failed', reason: found.reason };
    }
    const { statusFiles } = await placesOf(disk, settings.opkg);
    const copies = await keepCopies(disk, statusFiles, workDirectory);
    if (!copies.ok) {
      const code = copies.code === 'ENOSPC' ? 'disk-full' : 'install-failed';
      const reason = bounded(`cannot copy the status file of opkg: ${copies.reason}`);
      return { ok: false, code, reason };
    }
    const was = found.kind === 'listed' ? found : undefined;
    return { ok: true, before: encodeBefore({ name, version, was, copies: copies.value }) };
  }

  async function run(request: InstallRequest, before: string): Promise<Verdict> {
    const control = await readControl(disk, request.path);
    if (!control.ok) return failed(`the payload cannot be read: ${control.reason}`);
    const target = control.value;
    const first = await truthOf(request, target, { bytes: false, sync: false });
    if (first.kind === 'busy') return { kind: 'busy', reason: first.description };
    const state = decodeBefore(before);
    if (isThere(first, target, state)) {
      await flush();
      return { kind: 'installed', description: `nothing to do: ${first.description}` };
    }
    const linked = await link(request);
    if (!linked.ok) return failed(linked.reason);
    const ended =
      first.kind === 'unpacked'
        ? await opkg.act(request.path, 'configure', target.package)
        : await install(request.path, linked.file);
    if (isLocked(ended)) return { kind: 'busy', reason: opkg.tail(ended) };
    const isSynced = await flush();
    const look = () => truthOf(request, target, { bytes: false, sync: !isSynced });
    const now = await look();
    if (isSuccess(now) && ended.kind === 'exited' && !isFull(ended)) return verdictOf(ended, now);
    // Killed, or on a full disk: then it also loses its status file.
    const restored = await restore(disk, state.copies);
    if (!restored.ok) return failed(`${unrestored(restored.reason)}; ${opkg.tail(ended)}`);
    const then = restored.value.length === 0 ? now : await look();
    if (ended.kind !== 'killed' || isSuccess(then)) return verdictOf(ended, then);
    return { kind: 'cut', description: bounded(`${then.description}; ${opkg.tail(ended)}`) };
  }

  async function install(path: string, file: string): Promise<RunResult> {
    const ended = await opkg.act(path, 'install', file);
    if (!isRefusedAsSame(ended)) return ended;
    // Listed in this version, but not whole. 0.1 does it unforced, and would die of the option.
    return opkg.act(path, '--force-reinstall', 'install', file);
  }

  /** opkg takes a file for a package by the ending of its name. */
  async function link({ path, workDirectory }: InstallRequest) {
    const file = `${workDirectory}/package.ipk`;
    const linked = await helper('ln', '-f', path, file);
    if (linked.kind === 'exited' && linked.exitCode === 0) return { ok: true, file } as const;
    const said = linked.kind === 'not-started' ? linked.reason : opkg.tail(linked);
    return { ok: false, reason: `cannot name the payload package.ipk: ${said}` } as const;
  }

  /**
   * What opkg and the scripts of the package wrote becomes durable. One sync covers also what only
   * the scripts know; without the program (BusyBox has it) the files are synced one by one.
   */
  async function flush(): Promise<boolean> {
    const synced = await helper('sync');
    if (synced.kind === 'exited' && synced.exitCode === 0) return true;
    const { statusFiles } = await placesOf(disk, settings.opkg);
    for (const path of statusFiles) await mustSyncAt(disk, path);
    return false;
  }

  function helper(program: string, ...args: readonly string[]): Promise<RunResult> {
    const { timeoutMs: timeLimitMs } = settings;
    return runner({ program, args, environment, timeLimitMs, outputBytesMax });
  }

  async function truthOf(
    { path }: InstallRequest,
    target: Control,
    how: Thoroughness,
  ): Promise<Truth> {
    const found = await opkg.find(target.package);
    const wanted = `${target.package} ${target.version}`;
    if (found.kind === 'busy') return { kind: 'busy', description: found.reason };
    if (found.kind === 'unanswered') return { kind: 'unknown', description: found.reason };
    if (found.kind === 'unlisted') {
      return { kind: 'not-installed', description: `${target.package} is not installed` };
    }
    const { version, state } = found;
    if (version !== target.version) {
      const description = `${target.package} is ${version} (${state}), not ${target.version}`;
      return { kind: 'not-installed', description };
    }
    const { root, isOffline } = await placesOf(disk, settings.opkg);
    const isDone = state === 'installed' || (state === 'unpacked' && isOffline);
    if (!isDone) {
      const kind = state === 'unpacked' ? 'unpacked' : 'not-installed';
      return { kind, description: `${wanted} is '${state}'` };
    }
    const later = state === 'unpacked' ? ' (its first boot configures it)' : '';
    const files = await compareFiles(disk, path, root, target.conffiles, how);
    switch (files.kind) {
      case 'fits': {
        const description = `${wanted} is ${state}${later}, ${files.count} files compared`;
        return { kind: 'installed', description };
      }
      case 'differs':
        return { kind: 'not-installed', description: `${wanted} is ${state}, but ${files.reason}` };
      case 'opaque': {
        const description = `${wanted} is ${state}${later}; ${files.member} was not compared`;
        return { kind: 'unproven', description };
      }
      case 'unreadable':
        return { kind: 'unknown', description: `${wanted} is ${state}, but ${files.reason}` };
    }
  }

  async function probe(request: InstallRequest, before: string): Promise<Probe> {
    // Its status file is about to change, and is empty for a moment.
    if (!(await outlast(ports, { path: request.path, program }, settings.timeoutMs))) {
      return { kind: 'unknown', description: 'the opkg of the attempt still runs' };
    }
    const { copies } = decodeBefore(before);
    const restored = await restore(disk, copies);
    if (!restored.ok) return { kind: 'unknown', description: unrestored(restored.reason) };
    const mended = restored.value.map((path) => `${path} was restored; `).join('');
    const control = await readControl(disk, request.path);
    if (!control.ok) return { kind: 'unknown', description: `${mended}${control.reason}` };
    const isSynced = await flush();
    const look = () => truthOf(request, control.value, { bytes: true, sync: !isSynced });
    const truth = await answered(look);
    const description = bounded(`${mended}${truth.description}`);
    switch (truth.kind) {
      case 'installed':
        return { kind: 'installed', description };
      case 'not-installed':
      case 'unpacked':
        return { kind: 'not-installed', description };
      default:
        return { kind: 'unknown', description };
    }
  }

  /** 0.1 tells nothing while anybody else uses it. */
  async function answered(look: () => Promise<Truth>): Promise<Truth> {
    const untilMs = clock.nowMs() + settings.timeoutMs;
    for (;;) {
      const truth = await look();
      if (truth.kind !== 'busy' || clock.nowMs() >= untilMs) return truth;
      await new Promise<void>((resolve) => void clock.after(busyPollMs, resolve));
    }
  }

  function verdictOf(ended: RunResult, now: Truth): Verdict {
    const hasFailed = ended.kind !== 'exited' || ended.exitCode !== 0;
    const said = opkg.tail(ended);
    const isProven = now.kind === 'installed';
    if (isProven || (isSuccess(now) && !hasFailed && !isFull(ended))) {
      const though = hasFailed ? `, although ${said}` : '';
      return { kind: 'installed', description: bounded(`${now.description}${though}`) };
    }
    const description = bounded(`${now.description}; ${said}`);
    return { kind: 'failed', code: codeOf(ended), description };
  }

  return { name: 'opkg', prepare, run, probe, list: opkg.list };
}

/** Where files cannot be compared, the word of opkg counts if it is older than the attempt. */
function isThere(truth: Truth, { version }: Control, { was }: Before): boolean {
  if (truth.kind === 'installed') return true;
  return truth.kind === 'unproven' && was?.version === version && was.state === 'installed';
}

const isSuccess = ({ kind }: Truth) => kind === 'installed' || kind === 'unproven';
const isFull = (ended: RunResult) => codeOf(ended) === 'disk-full';

const unrestored = (reason: string) => `the status file of opkg cannot be restored: ${reason}`;

function failed(reason: string): Verdict {
  return { kind: 'failed', code: 'install-failed', description: bounded(reason) };
}
