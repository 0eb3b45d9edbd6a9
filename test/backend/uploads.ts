// Lists what the server sends after one start: the packages of the campaigns, each after the
// packages that it requires (protocol 2.1).
import type { Dialect, Key } from './dialect.ts';
import type { ServerPackage } from './package.ts';
import type { UploadPhase } from './server.ts';

export type Upload = {
  readonly key: Key;
  readonly one: ServerPackage;
  phase: UploadPhase;
  lastIndex: number;
  sends: number;
  cancel: () => void;
};

/** Ignores earlier outcomes, but lists each package once. */
export function uploadsOf(
  dialect: Dialect,
  specs: readonly { readonly key: Key; readonly one: ServerPackage }[],
): readonly Upload[] {
  const all = specs.flatMap(({ key, one }) => [
    ...(one.needs ?? []).map((needed) => uploadOf(dialect.keyOfNeeded(key, needed.id), needed)),
    uploadOf(key, one),
  ]);
  return [...new Map(all.map((one) => [`${one.key} ${one.one.checksum}`, one])).values()];
}

function uploadOf(key: Key, one: ServerPackage): Upload {
  return { key, one, phase: 'queued', lastIndex: 0, sends: 0, cancel: () => undefined };
}
