// Folds facts into the state of the RVI backend: its own facts, and those of the core.
import { keyOf } from '../../core/decision-helpers.ts';
import type { Fact } from '../../core/events.ts';
import type { State } from '../../core/model.ts';
import {
  learnedAckList,
  learnedDialect,
  learnedMethod,
  named,
  newServer,
} from './known-servers.ts';
import { originSet, originsAfter } from './origins.ts';
import type { RviFact, RviNote, RviState } from './model.ts';

type Of<K extends RviFact['kind']> = Extract<RviFact, { readonly kind: K }>;
type Table = { readonly [K in RviFact['kind']]: (own: RviState, fact: Of<K>) => RviState };
type OfNote<K extends RviNote['kind']> = Extract<RviNote, { readonly kind: K }>;
type Notes = { readonly [K in RviNote['kind']]: (own: RviState, note: OfNote<K>) => RviState };

export const initialState: RviState = {
  server: newServer,
  previousServers: [],
  origins: new Map(),
  inventoryRequest: undefined,
  link: { kind: 'closed', reason: 'starting' },
  ownServices: undefined,
  vin: undefined,
  discoveredServices: undefined,
  outage: undefined,
  serverAvailability: { untilMs: undefined, backMs: undefined },
  exchanges: new Map(),
  progressAckMs: undefined,
};

const table: Table = {
  'server-named': named,
  'resume-method-learned': learnedMethod,
  'ack-list-learned': learnedAckList,
  'dialect-learned': learnedDialect,
  'inventory-requested': (own, { services }) => ({
    ...own,
    inventoryRequest: { attempts: 0, dueMs: 0, services },
  }),
  'inventory-sent': (own) => ({ ...own, inventoryRequest: undefined }),
  'package-origin': originSet,
};

export function isRviFact(fact: Fact | RviFact): fact is RviFact {
  return Object.hasOwn(table, fact.kind);
}

export function apply(own: RviState, fact: Fact | RviFact, before: State, after: State): RviState {
  if (isRviFact(fact)) return applyOwn(own, fact);
  // The most frequent fact changes neither origins nor phases.
  if (fact.kind === 'chunk-stored' || before === after) return own;
  return exchangesAfter(originsAfter(own, fact, before, after), fact, before, after);
}

function applyOwn<K extends RviFact['kind']>(own: RviState, fact: Of<K>): RviState {
  const kind: K = fact.kind;
  return table[kind](own, fact);
}

/** A new phase starts an empty exchange; a new outcome was not reported yet. */
function exchangesAfter(own: RviState, fact: Fact, before: State, after: State): RviState {
  const settled = fact.kind === 'outcome-recorded' ? keyOf(fact.report.id) : undefined;
  const over = [...own.exchanges.keys()].filter((key) => {
    const was = before.packages.get(key)?.phase.kind;
    return key === settled || was !== after.packages.get(key)?.phase.kind;
  });
  if (over.length === 0) return own;
  const exchanges = new Map(own.exchanges);
  for (const key of over) exchanges.delete(key);
  return { ...own, exchanges };
}

const notes: Notes = {
  link: (own, { link }) => ({ ...own, link }),
  identified: (own, { names, vin, found }) => ({
    ...own,
    ownServices: names,
    vin,
    discoveredServices: found,
  }),
  exchange: (own, { id, exchange }) => ({
    ...own,
    exchanges: new Map(own.exchanges).set(keyOf(id), exchange),
  }),
  away: (own, { away }) => ({ ...own, serverAvailability: away }),
  outage: (own, { outage }) => ({ ...own, outage }),
  'progress-ack': (own, { dueMs }) => ({ ...own, progressAckMs: dueMs }),
  listing: (own, { listing }) => ({ ...own, inventoryRequest: listing }),
};

export function isRviNote(note: { readonly kind: string }): note is RviNote {
  return Object.hasOwn(notes, note.kind);
}

export function applyNote<K extends RviNote['kind']>(own: RviState, note: OfNote<K>): RviState {
  const kind: K = note.kind;
  return notes[kind](own, note);
}
