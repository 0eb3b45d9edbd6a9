// opkg, from 0.1 on. Its exit code lies in both directions (installers 2), so what counts is what
// it lists afterwards and what lies on the disk. It forgets everything when it is cut while it
// writes its status file; the copy that `prepare` made brings that back.
import { outputBytesMax } from '../../limits.ts';
import { environment } from '../environment.ts';
import { outlast } from '../running-installer.ts';
import { bounded } from '../describe-result.ts';
import { codeOf, createOpkgProgram, isLocked, isRefusedAsSame } from './opkg-cli.ts';
import { decodeBefore, encodeBefore } from './pre-install-state.ts';
import { debianHint } from './debian.ts';
import { createUnpack } from './external.ts';
import { readControl, walkFiles } from './ipk.ts';
import { placesOf } from './paths.ts';
import { createReinstallMark } from './reinstall.ts';
import { restore } from './restore.ts';
import { keepCopies, mustSyncAt } from './status.ts';
import { truthOf } from './truth.ts';
import type { Settings } from '../../core/settings.ts';
import type { Clock, Disk, Runner, RunResult } from '../../host/ports.ts';
import type { Installer, InstallRequest, Prepared, Probe, Verdict } from '../installer.ts';
import type { Acted } from './opkg-cli.ts';
import type { Control } from './ipk.ts';
import type { Copy } from './status.ts';
import type { Truth } from './truth.ts';

type Ports = { readonly disk: Disk; readonly runner: Runner; readonly clock: Clock };

const busyPollMs = 1_000;

export function createOpkg(ports: Ports, settings: Settings['installer']): Installer {
  const { disk, runner, clock } = ports;
  const { program } = settings.opkg;
  const opkg = createOpkgProgram(runner, settings);

  function controlOf({ path, workDirectory }: InstallRequest) {
    return readControl(disk, path, createUnpack(disk, runner, workDirectory));
  }

  async function prepare(request: InstallRequest): Promise<Prepared> {
    const { path, workDirectory } = request;
    const control = await controlOf(request);
    const whole = control.ok ? await walkFiles(disk, path, () => undefined) : control;
    if (!control.ok || !whole.ok) {
      const hint = control.ok ? '' : await debianHint(disk, path, '', true);
      const what = hint === '' ? 'not a whole .ipk: ' : hint;
      const reason = bounded(`${what}${whole.ok ? '' : whole.reason}`);
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
    const control = await controlOf(request);
    if (!control.ok) return failed(`the payload cannot be read: ${control.reason}`);
    const target = control.value;
    const mark = createReinstallMark(disk, request.workDirectory);
    const first = await look(request, target, false);
    if (first.kind === 'busy') return { kind: 'busy', reason: first.description };
    if (first.kind === 'installed' && !(await mark.isSet())) {
      await flush();
      return { kind: 'installed', description: `nothing to do: ${first.description}` };
    }
    const { copies, was } = decodeBefore(before);
    const isListed = was?.version === target.version && was.state === 'installed';
    const marked = isListed && target.hasPostinst ? await mark.set() : undefined;
    if (marked?.ok === false) return failed(`cannot mark the attempt: ${marked.reason}`);
    const linked = await link(request);
    if (!linked.ok) return failed(linked.reason);
    const ended =
      first.kind === 'unpacked'
        ? await opkg.act(request.path, 'configure', target.package)
        : await install(request.path, linked.file, target.package);
    if (isLocked(ended)) return { kind: 'busy', reason: opkg.tail(ended) };
    if (isClean(ended)) await mark.remove();
    return judge(request, target, copies, ended, await mark.isSet());
  }

  /** `isHalf`: a reinstall did not end well, so that its postinst may not have run. */
  async function judge(
    request: InstallRequest,
    target: Control,
    copies: readonly Copy[],
    ended: Acted,
    isHalf: boolean,
  ): Promise<Verdict> {
    const isSynced = await flush();
    // On a full disk it also loses its status file, and exits with 0.
    const repaired = await repair(copies, ended.kind !== 'exited' || ended.heard.isFull);
    if (!repaired.ok) return failed(`${unrestored(repaired.reason)}; ${opkg.tail(ended)}`);
    const now = await look(request, target, !isSynced);
    if (isSuccess(ended, now, isHalf)) return installed(ended, now);
    const isUnread = /malformed/i.test(opkg.tail(ended));
    const hint = await debianHint(disk, request.path, target.architecture, isUnread);
    const description = bounded(`${repaired.text}${now.description}; ${hint}${opkg.tail(ended)}`);
    if (ended.kind === 'killed' && !ended.heard.isFull) return { kind: 'cut', description };
    return { kind: 'failed', code: codeOf(ended), description };
  }

  async function repair(copies: readonly Copy[], isCut: boolean) {
    const { root } = await placesOf(disk, settings.opkg);
    const restored = await restore(disk, copies, root, isCut);
    if (!restored.ok) return restored;
    const { restored: paths, lost } = restored.value;
    const told = [
      ...paths.map((path) => `${path} was restored; `),
      ...lost.map((path) => `${path} looks interrupted, and its copy is damaged; `),
    ];
    return { ok: true, text: told.join('') } as const;
  }

  async function install(path: string, file: string, name: string): Promise<Acted> {
    const ended = await opkg.act(path, 'install', file);
    if (!isRefusedAsSame(ended, name)) return ended;
    // Listed in this version, but not whole, or built anew. 0.1 does it without the option, and
    // would crash with it.
    return opkg.act(path, '--force-reinstall', 'install', file);
  }

  /** opkg takes a file for a package by the ending of its name. */
  async function link({ path, workDirectory }: InstallRequest) {
    const file = `${workDirectory}/package.ipk`;
    const linked = await helper('ln', '-f', path, file);
    if (linked.kind === 'exited' && linked.exitCode === 0) return { ok: true, file } as const;
    const said = linked.kind === 'startup-failed' ? linked.reason : opkg.tail(linked);
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

  function look({ path }: InstallRequest, target: Control, isSyncedApart: boolean) {
    return truthOf({ disk, opkg, settings, path, target }, isSyncedApart);
  }

  async function probe(request: InstallRequest, before: string): Promise<Probe> {
    // Its status file is about to change, and is empty for a moment.
    if (!(await outlast(ports, { path: request.path, program }, settings.timeoutMs))) {
      return { kind: 'unknown', description: 'the opkg of the attempt still runs' };
    }
    const repaired = await repair(decodeBefore(before).copies, true);
    if (!repaired.ok) return { kind: 'unknown', description: unrestored(repaired.reason) };
    const control = await controlOf(request);
    if (!control.ok) {
      return { kind: 'unknown', description: bounded(`${repaired.text}${control.reason}`) };
    }
    const isSynced = await flush();
    const truth = await answered(() => look(request, control.value, !isSynced));
    const description = bounded(`${repaired.text}${truth.description}`);
    switch (truth.kind) {
      case 'installed': {
        const mark = createReinstallMark(disk, request.workDirectory);
        if (!(await mark.isSet())) return { kind: 'installed', description };
        return { kind: 'unknown', description: bounded(`${description}; ${halfDone}`) };
      }
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

  function installed(ended: RunResult, { description }: Truth): Verdict {
    const though = isClean(ended) ? '' : `, although ${opkg.tail(ended)}`;
    return { kind: 'installed', description: bounded(`${description}${though}`) };
  }

  return { name: 'opkg', prepare, run, probe, list: opkg.list };
}

const halfDone = 'its reinstall was interrupted, so its postinst may not have run';

const isClean = (ended: RunResult) => ended.kind === 'exited' && ended.exitCode === 0;

/** Words about a full disk outweigh everything: something was not written. */
function isSuccess(ended: Acted, { kind }: Truth, isHalf: boolean): boolean {
  if (ended.heard.isFull) return false;
  if (kind === 'installed') return !isHalf;
  const isProven = kind === 'altered' || kind === 'unproven';
  return isProven && isClean(ended) && !ended.heard.isError;
}

const unrestored = (reason: string) => `the status file of opkg cannot be restored: ${reason}`;

function failed(reason: string): Verdict {
  return { kind: 'failed', code: 'install-failed', description: bounded(reason) };
}
