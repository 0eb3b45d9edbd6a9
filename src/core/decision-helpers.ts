// Small makers that keep the handlers of `decide` short.
import type { Decision, Effect, Fact, VolatileFact, Write } from './events.ts';
import type { Package, PackageId, Phase, PackageRuntime, State, Transfer } from './model.ts';

export const nothing: Decision = { writes: [], facts: [], notes: [], effects: [] };

export function decision(parts: {
  readonly writes?: readonly Write[];
  readonly facts?: readonly Fact[];
  readonly notes?: readonly VolatileFact[];
  readonly effects?: readonly Effect[];
}): Decision {
  return { ...nothing, ...parts };
}

export function combine(...all: readonly Decision[]): Decision {
  return {
    writes: all.flatMap((one) => one.writes),
    facts: all.flatMap((one) => one.facts),
    notes: all.flatMap((one) => one.notes),
    effects: all.flatMap((one) => one.effects),
  };
}

/** Peer strings are only ever compared, so any injective spelling does. */
export function keyOf(id: PackageId): string {
  return JSON.stringify([id.name, id.version]);
}

export function historyKeyOf(id: PackageId, checksum: string): string {
  return JSON.stringify([id.name, id.version, checksum]);
}

export const idle: PackageRuntime = {
  attempts: 0,
  deadlineMs: undefined,
  method: undefined,
  context: 'resume',
  activity: undefined,
  reservation: undefined,
  sha1: undefined,
  isRerun: false,
  isUntried: false,
  isDataLost: false,
  finishDeadlineMs: undefined,
  unexpectedChunks: 0,
  isReportInFlight: false,
  sentAtMs: undefined,
  blockedReason: undefined,
  denial: undefined,
  percent: undefined,
};

export function runningOf(state: State, id: PackageId): PackageRuntime {
  return state.running.get(keyOf(id)) ?? idle;
}

export function running(
  state: State,
  id: PackageId,
  change: Partial<PackageRuntime>,
): VolatileFact {
  return { kind: 'running', id, running: { ...runningOf(state, id), ...change } };
}

export type InPhase<K extends Phase['kind']> = Package & {
  readonly phase: Extract<Phase, { readonly kind: K }>;
};

export function inPhase<K extends Phase['kind']>(one: Package, kind: K): one is InPhase<K> {
  return one.phase.kind === kind;
}

/** The data that a package has on flash, in whatever phase. */
export function transferOf(one: Package): Transfer | undefined {
  return 'transfer' in one.phase ? one.phase.transfer : undefined;
}

export function byNumber(state: State, number: number): Package | undefined {
  for (const one of state.packages.values()) {
    if (transferOf(one)?.number === number) return one;
  }
  return undefined;
}

export function log(
  level: 'debug' | 'info' | 'warn' | 'error',
  code: string,
  fields: { readonly [key: string]: string | number | boolean | undefined },
): Effect {
  return { kind: 'log', level, code, fields };
}

/**
 * What is said and counted of a call that we do not follow. The node ignores our answers
 * (protocol 1.6).
 */
export function refuse(
  code: string,
  fields: { readonly [key: string]: string | number },
): Decision {
  return decision({
    notes: [{ kind: 'counter', counter: 'refused' }],
    effects: [log('warn', code, fields)],
  });
}

export const label = ({ name, version }: PackageId) => `${name} ${version}`.trimEnd();
