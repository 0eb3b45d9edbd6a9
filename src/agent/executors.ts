// Executes the effects of the core. An executor reports its result as an event and decides nothing.
import { historyKeyOf, keyOf } from '../core/decision-helpers.ts';
import { sizeOf } from '../core/phases.ts';
import { beforeBytesMax, chunkBytes, recordChunkBytesMax } from '../limits.ts';
import type { Effect, Event, PrepareFailure, Write } from '../core/events.ts';
import type { Install, PackageId, State, Transfer } from '../core/model.ts';
import type { Log } from '../host/ports.ts';
import type { InstallRequest, Installers } from '../install/installer.ts';
import type { Store } from '../store/store.ts';
import type { Hasher } from './hasher.ts';

export type ExecutorParts = {
  readonly log: Log;
  readonly store: Pick<Store, 'data' | 'reserve' | 'discard'>;
  readonly hasher: Hasher;
  readonly installers: Installers;
  readonly submit: (event: Event) => void;
  /** An internal invariant failed (a failed fsync): the process must end. */
  readonly fail: (error: unknown) => void;
};

type Of<K extends Effect['kind']> = Extract<Effect, { readonly kind: K }>;

/** `writes`: those of the same commit. */
type Context<K extends Effect['kind']> = {
  readonly parts: ExecutorParts;
  readonly effect: Of<K>;
  readonly state: State;
  readonly writes: readonly Write[];
};

type Table = { readonly [K in Effect['kind']]: (context: Context<K>) => Promise<void> | void };

const table: Table = {
  log: ({ parts, effect }) => parts.log(effect.level, effect.code, effect.fields),
  hash: ({ parts, effect, state, writes }) => {
    const transfer = transferIn(state, effect.number);
    if (transfer !== undefined) parts.hasher.advance(transfer, writes);
  },
  discard: ({ parts, effect }) => {
    parts.hasher.forget(effect.number);
    return discard(parts, effect);
  },
  reserve: ({ parts, effect }) => reserve(parts, effect),
  'list-inventory': ({ parts }) => list(parts),
  prepare: ({ parts, effect, state }) =>
    prepare(parts, effect.transfer, requestOf(parts, effect, state)),
  install: ({ parts, effect, state }) =>
    run(parts, effect.install, requestOf(parts, effect, state)),
  probe: ({ parts, effect, state }) =>
    probe(parts, effect.install, requestOf(parts, effect, state)),
  reboot: ({ parts, effect }) => reboot(parts, effect.id),
  check: async ({ parts, effect: { id } }) => {
    const checked = await parts.installers.check(id);
    parts.submit({ kind: 'checked', id, ...checked });
  },
};

export function isCoreEffect(effect: { readonly kind: string }): effect is Effect {
  return Object.hasOwn(table, effect.kind);
}

export type Execute = (effect: Effect, state: State, writes: readonly Write[]) => void;

export function createExecutors(parts: ExecutorParts): Execute {
  function execute<K extends Effect['kind']>(context: Context<K>): void {
    const kind: K = context.effect.kind;
    const work = table[kind](context);
    if (work !== undefined) void work.catch(parts.fail);
  }
  return (effect, state, writes) => execute({ parts, effect, state, writes });
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
  const recordsBytes = start.chunksCount * recordChunkBytesMax;
  const made = await parts.store.reserve(number, sizeBytes, recordsBytes);
  if (made.ok) return parts.submit({ kind: 'reserved', start, number });
  parts.submit({ kind: 'not-reserved', start, number, code: made.code, reason: made.reason });
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
  const fail = (failure: PrepareFailure) =>
    parts.submit({ kind: 'not-prepared', id, number, failure });
  const sealed = await parts.store.data.seal(number, sizeOf(transfer));
  if (!sealed.ok) {
    return fail({ kind: 'data-not-closed', code: sealed.code, reason: sealed.reason });
  }
  const choice = await parts.installers.choose(id, request.path);
  if (!choice.ok) return fail({ kind: 'no-installer', reason: choice.reason });
  const { installer } = choice;
  const ready = await installer.prepare(request);
  if (!ready.ok) return fail({ kind: 'rejected', code: ready.code, reason: ready.reason });
  const { before } = ready;
  if (Buffer.byteLength(JSON.stringify(before)) > beforeBytesMax) {
    return fail({ kind: 'memo-too-large', limitBytes: beforeBytesMax });
  }
  parts.submit({ kind: 'prepared', id, number, installer: installer.name, before });
}

async function run(parts: ExecutorParts, attempt: Install, request: InstallRequest): Promise<void> {
  const { id } = request;
  const installer = parts.installers.named(attempt.installer);
  const verdict =
    installer === undefined
      ? ({
          kind: 'failed',
          code: 'install-failed',
          description: disabledText(attempt.installer),
        } as const)
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
      ? ({ kind: 'unknown', description: disabledText(attempt.installer) } as const)
      : await installer.probe(request, attempt.before);
  parts.submit({ kind: 'install-probed', id, probe: found });
}

const disabledText = (name: string) =>
  `the installer '${name}' of the attempt is not in installer.enabled`;

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
