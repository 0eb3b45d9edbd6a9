// How facts and their fields are named on flash. The names of the code may change; these may not:
// journals of each released version are read.
import type { Fact } from '../core/events.ts';

/** The kind of a fact as a journal has it. */
export const flashKinds: { readonly [K in Fact['kind']]: string } = {
  'server-named': 'backend-named',
  'resume-method-learned': 'rung-learnt',
  'dialect-learned': 'dialect-learnt',
  offered: 'offered',
  consented: 'consented',
  'consent-needed': 'consent-needed',
  'start-deferred': 'start-held',
  declined: 'declined',
  'transfer-started': 'opened',
  'chunk-stored': 'chunk-held',
  'chunk-removed': 'chunk-dropped',
  'transfer-complete': 'finished',
  'extra-package-seen': 'split',
  'transfer-discarded': 'closed',
  aborted: 'aborted',
  'install-started': 'install-intended',
  'reboot-pending': 'reboot-awaited',
  'outcome-recorded': 'settled',
  'report-confirmed': 'reported',
  'attempts-reset': 'forgiven',
  'inventory-requested': 'packages-asked',
  'inventory-sent': 'packages-told',
  'records-lost': 'records-lost',
  counters: 'counted',
  'history-entry': 'remembered',
  'confirmation-required': 'confirmation-known',
  'chunk-page': 'page-held',
};

const kindsOfFlash: ReadonlyMap<unknown, string> = new Map(
  Object.entries(flashKinds).map(([kind, flash]) => [flash, kind]),
);

/** The fields that a journal names in another way than the code. */
const flashFields: ReadonlyMap<string, string> = new Map([
  ['method', 'rung'],
  ['context', 'situation'],
  ['hasNoInstallTimeout', 'isPatient'],
]);

const fieldsOfFlash: ReadonlyMap<string, string> = new Map(
  [...flashFields].map(([field, flash]) => [flash, field]),
);

type Fields = { readonly [name: string]: unknown };

/** The fields of a fact as a journal has them. */
export function toFlash({ kind, ...fields }: Fact): Fields {
  return { kind: flashKinds[kind], ...renamed(fields, flashFields) };
}

/** Returns undefined if no version of the journal has such a fact. */
export function fromFlash({ kind, ...fields }: Fields): Fields | undefined {
  const known = kindsOfFlash.get(kind);
  return known === undefined ? undefined : { kind: known, ...renamed(fields, fieldsOfFlash) };
}

function renamed(fields: Fields, names: ReadonlyMap<string, string>): Fields {
  const entries = Object.entries(fields).map(([name, value]) => [names.get(name) ?? name, value]);
  return Object.fromEntries(entries);
}
