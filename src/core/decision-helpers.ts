// Functions that build and combine decisions.
import type { LevelOf, LogCode } from '../log-codes.ts';
import type {
  Decision,
  DecisionOf,
  Effect,
  Fact,
  LogEffect,
  Signal,
  VolatileFact,
  Write,
} from './events.ts';
import type {
  Installing,
  Package,
  PackageId,
  Phase,
  Rebooting,
  Receiving,
  Reservation,
  State,
  Transfer,
} from './model.ts';

export const nothing = { writes: [], facts: [], notes: [], effects: [], signals: [] } as const;

export function decision(parts: {
  readonly writes?: readonly Write[];
  readonly facts?: readonly Fact[];
  readonly notes?: readonly VolatileFact[];
  readonly effects?: readonly Effect[];
  readonly signals?: readonly Signal[];
}): Decision {
  return { ...nothing, ...parts };
}

/** A backend combines decisions with facts and effects of its own in the same way. */
export function combine<F = Fact, V = VolatileFact, E = Effect>(
  ...all: readonly DecisionOf<F, V, E>[]
): DecisionOf<F, V, E> {
  return {
    writes: all.flatMap((one) => one.writes),
    facts: all.flatMap((one) => one.facts),
    notes: all.flatMap((one) => one.notes),
    effects: all.flatMap((one) => one.effects),
    signals: all.flatMap((one) => one.signals),
  };
}

/**
 * Returns the map key of a package. Keys are only compared, so the encoding must be injective. A
 * chunk needs some twenty keys, and JSON would take four times as long.
 */
export function keyOf({ name, version }: PackageId): string {
  return `${name.length} ${name}${version}`;
}

export function historyKeyOf(id: PackageId, checksum: string): string {
  return JSON.stringify([id.name, id.version, checksum]);
}

export type InPhase<K extends Phase['kind']> = Package & {
  readonly phase: Extract<Phase, { readonly kind: K }>;
};

export function inPhase<K extends Phase['kind']>(one: Package, kind: K): one is InPhase<K> {
  return one.phase.kind === kind;
}

/** Returns the package if it is in the state and in that phase. */
export function packageIn<K extends Phase['kind']>(
  state: State,
  id: PackageId,
  kind: K,
): InPhase<K> | undefined {
  const one = state.packages.get(keyOf(id));
  return one !== undefined && inPhase(one, kind) ? one : undefined;
}

/** Returns the payload of a package on flash, in any phase. */
export function transferOf(one: Package): Transfer | undefined {
  return 'transfer' in one.phase ? one.phase.transfer : undefined;
}

export function byNumber(state: State, number: number): Package | undefined {
  for (const one of state.packages.values()) {
    if (transferOf(one)?.number === number) return one;
  }
  return undefined;
}

/** Returns the pending space reservation of the package. */
export function reservationOf({ phase }: Package): Reservation | undefined {
  return 'reservation' in phase ? phase.reservation : undefined;
}

export function receiving({ id, phase }: InPhase<'receiving'>, change: Partial<Receiving>) {
  return { kind: 'receiving', id, now: { ...phase.now, ...change } } as const;
}

export function installing({ id, phase }: InPhase<'installing'>, change: Partial<Installing>) {
  return { kind: 'installing', id, now: { ...phase.now, ...change } } as const;
}

export function rebooting({ id, phase }: InPhase<'rebooting'>, change: Partial<Rebooting>) {
  return { kind: 'rebooting', id, now: { ...phase.now, ...change } } as const;
}

export function log<C extends LogCode>(
  level: LevelOf<C>,
  code: C,
  fields: LogEffect['fields'],
): LogEffect {
  return { kind: 'log', level, code, fields };
}

/** Logs and counts a rejected request. */
export function refuse(
  code: LogCode,
  fields: { readonly [key: string]: string | number },
): Decision {
  return decision({
    notes: [{ kind: 'counter', counter: 'refused' }],
    effects: [{ kind: 'log', level: 'warn', code, fields }],
  });
}

export const label = ({ name, version }: PackageId) => `${name} ${version}`.trimEnd();
