// opkg, from 0.1 on. Its exit code proves neither success nor failure (installers 2.1), so the
// state that it lists and the files on the disk decide. opkg loses all packages if it is
// interrupted while it writes its status file; the copy that `prepare` made restores them.
import { bounded, createRun, isSuccess } from '../program.ts';
import { waitForEnd } from '../running-installer.ts';
import { sleep } from '../waiting.ts';
import { debianHint, isIpk, readControl, walkFiles } from './ipk.ts';
import { codeOf, createOpkgProgram, isLocked, isRefusedAsSame } from './opkg-cli.ts';
import { pathsOf } from './paths.ts';
import { createReinstallMark, decodeBefore, encodeBefore } from './pre-install-state.ts';
import { settings } from './settings.ts';
import { keepCopies, mustSyncAt, restore } from './status-file.ts';
import { truthOf } from './truth.ts';
import { createUnpack } from './unpack-control.ts';
import type { RunResult } from '../../host/ports.ts';
import type { InstallResult, Installer, InstallerKind, InstallPorts } from '../installer.ts';
import type { InstallRequest, Prepared, Probe } from '../installer.ts';
import type { Control } from './ipk.ts';
import type { Acted } from './opkg-cli.ts';
import type { OpkgSettings } from './settings.ts';
import type { Copy } from './status-file.ts';
import type { Truth } from './truth.ts';

export const opkg: InstallerKind<'opkg', typeof settings> = {
  name: 'opkg',
  format: 'an .ipk',
  recognises: isIpk,
  settings,
  unsigned: {
    problem: "lists opkg: the signature of an .ipk is not checked, only the server's SHA-1",
    hint: 'use SWUpdate with signed images if others can send packages',
  },
  check: () => [],
  create: (ports, { opkg: own, ...shared }) => createOpkg(ports, { ...shared, ...own }),
};

type Ports = Pick<InstallPorts, 'disk' | 'runner' | 'clock'>;

const busyPollMs = 1_000;

export function createOpkg(ports: Ports, settings: OpkgSettings): Installer {
  const { disk, runner, clock } = ports;
  const { program, timeoutMs } = settings;
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
    if (found.kind === 'failed') return { ok: false, code: 'install-failed', reason: found.reason };
    const { statusFiles } = await pathsOf(disk, settings);
    const copies = await keepCopies(disk, statusFiles, workDirectory);
    if (!copies.ok) {
      const code = copies.code === 'ENOSPC' ? 'disk-full' : 'install-failed';
      const reason = bounded(`cannot copy the status file of opkg: ${copies.reason}`);
      return { ok: false, code, reason };
    }
    const was = found.kind === 'listed' ? found : undefined;
    return { ok: true, before: encodeBefore({ name, version, was, copies: copies.value }) };
  }

  async function run(request: InstallRequest, before: string): Promise<InstallResult> {
    const control = await controlOf(request);
    if (!control.ok) return failed(`the payload cannot be read: ${control.reason}`);
    const target = control.value;
    const mark = createReinstallMark(disk, request.workDirectory);
    const first = await look(request, target, false);
    if (first.kind === 'busy') return { kind: 'busy', reason: first.description };
    if (first.kind === 'installed' && !(await mark.isSet())) {
      await sync();
      return { kind: 'installed', description: `nothing to do: ${first.description}` };
    }
    const { copies, was } = decodeBefore(before);
    const isListed = was?.version === target.version && was.state === 'installed';
    const marked = isListed && target.hasPostinst ? await mark.set() : undefined;
    if (marked?.ok === false) return failed(`cannot mark the attempt: ${marked.reason}`);
    const linked = await link(request);
    if (!linked.ok) return failed(linked.reason);
    const acted =
      first.kind === 'unpacked'
        ? await opkg.act(request.path, 'configure', target.package)
        : await install(request.path, linked.file, target.package);
    if (isLocked(acted)) return { kind: 'busy', reason: opkg.summary(acted) };
    if (isSuccess(acted)) await mark.remove();
    return resultOf(request, target, copies, acted, await mark.isSet());
  }

  /** `isHalfDone`: a reinstall did not succeed, so its postinst may not have run. */
  async function resultOf(
    request: InstallRequest,
    target: Control,
    copies: readonly Copy[],
    acted: Acted,
    isHalfDone: boolean,
  ): Promise<InstallResult> {
    const isSynced = await sync();
    // On a full disk opkg also loses its status file, and exits with 0.
    const repaired = await repair(copies, acted.kind !== 'exited' || acted.reported.isFull);
    if (!repaired.ok) return failed(`${notRestored(repaired.reason)}; ${opkg.summary(acted)}`);
    const truth = await look(request, target, !isSynced);
    if (isProven(acted, truth, isHalfDone)) {
      const though = isSuccess(acted) ? '' : `, although ${opkg.summary(acted)}`;
      return { kind: 'installed', description: bounded(`${truth.description}${though}`) };
    }
    const summary = opkg.summary(acted);
    const isUnread = /malformed/i.test(summary);
    const hint = await debianHint(disk, request.path, target.architecture, isUnread);
    const description = bounded(`${repaired.text}${truth.description}; ${hint}${summary}`);
    if (acted.kind === 'killed' && !acted.reported.isFull)
      return { kind: 'interrupted', description };
    return { kind: 'failed', code: codeOf(acted), description };
  }

  async function repair(copies: readonly Copy[], isInterrupted: boolean) {
    const { root } = await pathsOf(disk, settings);
    const repaired = await restore(disk, copies, root, isInterrupted);
    if (!repaired.ok) return repaired;
    const { restored, lost } = repaired.value;
    const texts = [
      ...restored.map((path) => `${path} was restored; `),
      ...lost.map((path) => `${path} looks interrupted, and its copy is damaged; `),
    ];
    return { ok: true, text: texts.join('') } as const;
  }

  async function install(path: string, file: string, name: string): Promise<Acted> {
    const acted = await opkg.act(path, 'install', file);
    if (!isRefusedAsSame(acted, name)) return acted;
    // opkg lists this version, but files are missing, or the package was built again. 0.1 installs
    // it without the option, and would crash with it.
    return opkg.act(path, '--force-reinstall', 'install', file);
  }

  /** opkg recognises a file by the end of its name. */
  async function link({ path, workDirectory }: InstallRequest) {
    const file = `${workDirectory}/package.ipk`;
    const linked = await helper('ln', '-f', path, file);
    if (isSuccess(linked)) return { ok: true, file } as const;
    const reason = linked.kind === 'not-started' ? linked.reason : opkg.summary(linked);
    return { ok: false, reason: `cannot link the payload to package.ipk: ${reason}` } as const;
  }

  /**
   * Makes durable what opkg and the scripts of the package wrote. The program `sync` (BusyBox has
   * it) covers files that only the scripts know. Returns false without it: then the comparison
   * syncs each file.
   */
  async function sync(): Promise<boolean> {
    if (isSuccess(await helper('sync'))) return true;
    const { statusFiles } = await pathsOf(disk, settings);
    for (const path of statusFiles) await mustSyncAt(disk, path);
    return false;
  }

  function helper(program: string, ...args: readonly string[]): Promise<RunResult> {
    return createRun(runner)({ program, args, timeLimitMs: timeoutMs });
  }

  function look({ path }: InstallRequest, target: Control, isSyncNeeded: boolean) {
    return truthOf({ disk, opkg, settings, path, target }, isSyncNeeded);
  }

  async function probe(request: InstallRequest, before: string): Promise<Probe> {
    // A running opkg is about to write its status file, which is empty for a moment.
    if (!(await waitForEnd(ports, { path: request.path, program }, timeoutMs))) {
      return { kind: 'unknown', description: 'the opkg of the attempt still runs' };
    }
    const repaired = await repair(decodeBefore(before).copies, true);
    if (!repaired.ok) return { kind: 'unknown', description: notRestored(repaired.reason) };
    const control = await controlOf(request);
    if (!control.ok) {
      return { kind: 'unknown', description: bounded(`${repaired.text}${control.reason}`) };
    }
    const isSynced = await sync();
    const truth = await untilNotBusy(() => look(request, control.value, !isSynced));
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

  /** opkg 0.1 answers no query while another opkg runs. */
  async function untilNotBusy(look: () => Promise<Truth>): Promise<Truth> {
    const untilMs = clock.nowMs() + timeoutMs;
    for (;;) {
      const truth = await look();
      if (truth.kind !== 'busy' || clock.nowMs() >= untilMs) return truth;
      await sleep(clock, busyPollMs);
    }
  }

  return { name: 'opkg', prepare, run, probe, list: opkg.list };
}

const halfDone = 'its reinstall was interrupted, so its postinst may not have run';

/** A report of a full disk outweighs everything: some bytes were not written. */
function isProven(acted: Acted, { kind }: Truth, isHalfDone: boolean): boolean {
  if (acted.reported.isFull) return false;
  if (kind === 'installed') return !isHalfDone;
  const isPlausible = kind === 'altered' || kind === 'unproven';
  return isPlausible && isSuccess(acted) && !acted.reported.isError;
}

const notRestored = (reason: string) => `the status file of opkg cannot be restored: ${reason}`;

function failed(reason: string): InstallResult {
  return { kind: 'failed', code: 'install-failed', description: bounded(reason) };
}
