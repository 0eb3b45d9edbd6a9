// Effects, done. Each ends in an event or needs none; none decides anything.
import { unreachable } from '../assert.ts';
import { keyOf, historyKeyOf } from '../core/decision-helpers.ts';
import { beforeBytesMax, chunkBytes } from '../limits.ts';
import type { Effect, Event, Write } from '../core/events.ts';
import type { Install, PackageId, State, Transfer } from '../core/model.ts';
import type { Log } from '../host/ports.ts';
import type { InstallRequest, Installers } from '../install/installer.ts';
import type { Hasher } from '../store/hasher.ts';
import type { Store } from '../store/store.ts';
import type { Outgoing } from '../backends/rvi/sender.ts';

export type ExecutorParts = {
  readonly log: Log;
  readonly store: Store;
  readonly hasher: Hasher;
  readonly installers: Installers;
  readonly say: (saying: Outgoing) => void;
  readonly submit: (event: Event) => void;
  /** A promise of ours is broken (a failed fsync): the process is to end. */
  readonly fail: (error: unknown) => void;
};

type Of<K extends Effect['kind']> = Extract<Effect, { readonly kind: K }>;
type Execute = (effect: Effect, state: State, writes: readonly Write[]) => void;

export function createExecutors(parts: ExecutorParts): Execute {
  const { log, hasher, say } = parts;
  const follow = (work: Promise<void>) => void work.catch(parts.fail);
  return (effect, state, writes) => {
    switch (effect.kind) {
      case 'log':
        return log(effect.level, effect.code, effect.fields);
      case 'register':
        return say({ kind: 'register' });
      case 'request-start':
        return say({ kind: 'message', message: { kind: 'start', id: effect.id } });
      case 'ack':
        return say({ kind: 'ack', id: effect.id, empty: effect.empty });
      case 'restart-ack':
        return say({ kind: 'restart-ack', id: effect.id });
      case 'keep-alive':
        return say({ kind: 'keep-alive', id: effect.id });
      case 'report':
        return say({ kind: 'message', message: { kind: 'report', report: effect.report } });
      case 'send-inventory':
        return say({ kind: 'message', message: { kind: 'packages', packages: effect.packages } });
      case 'hash': {
        const transfer = transferIn(state, effect.number);
        return transfer === undefined ? undefined : hasher.advance(transfer, writes);
      }
      case 'discard':
        hasher.forget(effect.number);
        return follow(discard(parts, effect));
      case 'reserve':
        return follow(reserve(parts, effect));
      default:
        return follow(install(parts, effect, state));
    }
  };
}

function transferIn(state: State, number: number): Transfer | undefined {
  for (const { phase } of state.packages.values()) {
    if ('transfer' in phase && phase.transfer.number === number) return phase.transfer;
  }
  return undefined;
}

async function discard(parts: ExecutorParts, { number }: Of<'discard'>): Promise<void> {
  const removed = await parts.store.discard(number);
  const reason = removed.ok ? undefined : removed.reason;
  parts.submit({ kind: 'discarded', number, reason });
}

async function reserve(parts: ExecutorParts, { start, number }: Of<'reserve'>): Promise<void> {
  const sizeBytes = start.chunksCount * chunkBytes;
  const made = await parts.store.reserve(number, sizeBytes, start.chunksCount);
  if (made.ok) return parts.submit({ kind: 'reserved', start, number });
  parts.submit({ kind: 'not-reserved', start, number, code: made.code, reason: made.reason });
}

type InstallEffect = Of<'list-inventory' | 'prepare' | 'install' | 'probe' | 'reboot' | 'check'>;

async function install(parts: ExecutorParts, effect: InstallEffect, state: State): Promise<void> {
  switch (effect.kind) {
    case 'list-inventory':
      return list(parts);
    case 'prepare':
      return prepare(parts, effect.transfer, requestOf(parts, effect, state));
    case 'install':
      return run(parts, effect.install, requestOf(parts, effect, state));
    case 'probe':
      return probe(parts, effect.install, requestOf(parts, effect, state));
    case 'reboot':
      return reboot(parts, effect.id);
    case 'check':
      return parts.installers
        .check(effect.id)
        .then((checked) => parts.submit({ kind: 'checked', id: effect.id, ...checked }));
    default:
      return unreachable(effect);
  }
}

async function reboot({ installers, submit }: ExecutorParts, id: PackageId): Promise<void> {
  const { kind, description } = await installers.reboot();
  if (kind === 'denied') return submit({ kind: 'reboot-denied', id, reason: description });
  submit({ kind: 'reboot-requested', id, ok: kind === 'started', description });
}

async function list({ installers, submit }: ExecutorParts): Promise<void> {
  const listed = await installers.list();
  if (listed.ok) return submit({ kind: 'inventory-listed', packages: listed.packages });
  submit({ kind: 'inventory-failed', reason: listed.reason });
}

async function prepare(
  parts: ExecutorParts,
  transfer: Transfer,
  request: InstallRequest,
): Promise<void> {
  const { id } = request;
  const { number } = transfer;
  const sealed = await parts.store.data.seal(number, sizeOf(transfer));
  if (!sealed.ok) {
    const { code, reason } = sealed;
    const text = `cannot close the data file: ${code} ${reason}`;
    return parts.submit({ kind: 'not-prepared', id, number, code: 'general-error', reason: text });
  }
  const choice = await parts.installers.choose(id, request.path);
  if (!choice.ok) {
    const { reason } = choice;
    return parts.submit({ kind: 'not-prepared', id, number, code: 'install-failed', reason });
  }
  const { installer } = choice;
  const ready = await installer.prepare(request);
  if (!ready.ok) {
    const { code, reason } = ready;
    return parts.submit({ kind: 'not-prepared', id, number, code, reason });
  }
  const { before } = ready;
  if (Buffer.byteLength(JSON.stringify(before)) > beforeBytesMax) {
    const reason = `the installer wants to remember more than ${beforeBytesMax} bytes`;
    return parts.submit({ kind: 'not-prepared', id, number, code: 'general-error', reason });
  }
  parts.submit({ kind: 'prepared', id, number, installer: installer.name, before });
}

async function run(parts: ExecutorParts, attempt: Install, request: InstallRequest): Promise<void> {
  const { id } = request;
  const installer = parts.installers.named(attempt.installer);
  const verdict =
    installer === undefined
      ? ({ kind: 'failed', code: 'install-failed', description: gone(attempt.installer) } as const)
      : await installer.run(request, attempt.before);
  parts.submit({ kind: 'install-ended', id, verdict });
}

async function probe(
  parts: ExecutorParts,
  attempt: Install,
  request: InstallRequest,
): Promise<void> {
  const { id } = request;
  const installer = parts.installers.named(attempt.installer);
  const found =
    installer === undefined
      ? ({ kind: 'unknown', description: gone(attempt.installer) } as const)
      : await installer.probe(request, attempt.before);
  parts.submit({ kind: 'install-probed', id, probe: found });
}

const gone = (name: string) =>
  `the installer '${name}' of the attempt is no longer in installer.enabled`;

function requestOf(
  parts: ExecutorParts,
  { id, transfer }: Of<'prepare' | 'install' | 'probe'>,
  { packages, history }: State,
): InstallRequest {
  const { data } = parts.store;
  const outcome = history.get(historyKeyOf(id, transfer.checksum))?.outcome;
  return {
    id,
    update: packages.get(keyOf(id))?.update,
    path: data.path(transfer.number),
    sizeBytes: sizeOf(transfer),
    isTriedBefore: outcome !== undefined && outcome !== 'installed',
    workDirectory: data.folder(transfer.number),
    onProgress: (percent) => parts.submit({ kind: 'progress', id, percent }),
  };
}

function sizeOf(transfer: Transfer): number {
  const lastBytes = transfer.lastChunkBytes ?? chunkBytes;
  return (Math.max(1, transfer.chunksCount) - 1) * chunkBytes + lastBytes;
}
