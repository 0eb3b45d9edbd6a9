// The enabled installers of this device, and its reboot. Others are never created.
import { payloadHeadBytes, rebootAllowTimeMs } from '../limits.ts';
import { readHead } from './files.ts';
import { installerKinds } from './installers.ts';
import { createRun, isSuccess, isTransient, isTransientCode } from './program.ts';
import { lastLineOf, resultSummary } from './program.ts';
import { selectByFormat, selectByRule } from './select-installer.ts';
import { withRetries } from './waiting.ts';
import type { PackageId } from '../core/model.ts';
import type { Installers, InstallPorts, Listing } from './installer.ts';
import type { Choice, Head, RebootRequest } from './installer.ts';
import type { AgentSettings } from './installers.ts';
import type { Run } from './program.ts';

/** The command only has to start: the reboot ends the agent as well. */
const rebootTimeMs = 60_000;

export function createInstallers(given: InstallPorts, settings: AgentSettings): Installers {
  const { disk, clock } = given;
  const ports: InstallPorts = {
    ...given,
    runner: (request) => withRetries(clock, () => given.runner(request), isTransient),
  };
  const { enabled, timeoutMs } = settings.installer;
  const all = installerKinds
    .filter(({ name }) => enabled.includes(name))
    .map((kind) => kind.create(ports, settings.installer));
  const named = (name: string) => all.find((one) => one.name === name);

  function chosen(name: string): Choice {
    const installer = named(name);
    if (installer !== undefined) return { ok: true, installer };
    return { ok: false, reason: `no installer '${name}'` };
  }

  async function choose(id: PackageId, path: string): Promise<Choice> {
    const name = selectByRule(settings.installer, id.name);
    if (name !== undefined) return chosen(name);
    const head = await withRetries(
      clock,
      () => readHead(disk, path, payloadHeadBytes),
      (read) => !read.ok && isTransientCode(read.code),
    );
    if (!head.ok) return { ok: false, reason: `cannot read the payload: ${head.reason}` };
    const selected = selectByFormat(installerKinds, enabled, await recognisedBy(head.value));
    return selected.ok ? chosen(selected.name) : selected;
  }

  async function list(): Promise<Listing> {
    const packages: PackageId[] = [];
    for (const one of all) {
      const listed = await one.list();
      if (listed.ok === false) return { ok: false, reason: `${one.name}: ${listed.reason}` };
      if (listed.ok === true) packages.push(...listed.packages);
      else
        given.log('debug', 'installer-not-found', { installer: one.name, reason: listed.reason });
    }
    return { ok: true, packages };
  }

  const run = createRun(ports.runner);
  return {
    choose,
    named,
    list,
    reboot: () => reboot(run, settings.reboot),
    check: async () => {
      const [program, ...args] = settings.reboot.healthCheck;
      if (program === undefined) return { ok: true, description: 'rebooted; no check configured' };
      const result = await run({ program, args, timeLimitMs: timeoutMs });
      return { ok: isSuccess(result), description: resultSummary(program, result) };
    },
  };
}

async function recognisedBy(head: Head): Promise<readonly (typeof installerKinds)[number][]> {
  const found = await Promise.all(installerKinds.map((kind) => kind.recognises(head)));
  return installerKinds.filter((_, at) => found[at]);
}

async function reboot(run: Run, settings: AgentSettings['reboot']): Promise<RebootRequest> {
  const [allow, ...allowArgs] = settings.allow;
  if (allow !== undefined) {
    const call = { program: allow, args: allowArgs, timeLimitMs: rebootAllowTimeMs };
    const allowed = await run(call);
    if (!isSuccess(allowed)) return { kind: 'denied', description: lastLineOf(allow, allowed) };
  }
  const { program, args } = settings;
  const result = await run({ program, args, timeLimitMs: rebootTimeMs });
  const description = resultSummary(program, result);
  return { kind: isSuccess(result) ? 'started' : 'failed', description };
}
