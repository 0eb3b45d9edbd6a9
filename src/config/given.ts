// What the file and the environment set, before the values are checked.
import { shortened, withoutPasswords } from '../sanitize.ts';
import { toToml } from './toml.ts';
import type { ConfigError, Origin } from '../config.ts';

/** A value as it was written; `name` is the key as it was written, maybe a former name. */
export type Given = { readonly name: string; readonly origin: Origin } & (
  | { readonly kind: 'toml'; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string }
);

export type Gathered = {
  /** By the current name of the key. */
  readonly given: ReadonlyMap<string, Given>;
  readonly errors: readonly ConfigError[];
  readonly warnings: readonly ConfigError[];
};

/** Returns the value as TOML on one short line; a URL of any key may contain a password. */
export const brief = (value: unknown) => shortened(withoutPasswords(toToml(value)), 60);
