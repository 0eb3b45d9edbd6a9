// What one start makes the server send: the packages that are campaigned for, each behind those
// that it needs (protocol 2.1).
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

/** No look at what became of them, but each is sent once. */
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
