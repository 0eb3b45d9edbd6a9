// The configuration keys of an installer, as data: the configuration, its checks and the reference
// page are derived from such a table. Pure types, and the name of a key.

/**
 * What a key takes, its default, and a sentence for the reference page. `formerly` is its name in
 * older versions.
 */
export type Setting = { readonly description: string; readonly formerly?: string } & (
  | {
      /** The name of a program, looked up in PATH, or its absolute path. */
      readonly type: 'program';
      readonly default: string;
      /** The installer cannot be used without this key. */
      readonly isRequired?: true;
    }
  /** Absolute paths; a default of '' permits '' for none. */
  | { readonly type: 'file' | 'socket-directory'; readonly default: string }
  /** A list of arguments, or a program with its arguments; no shell. */
  | {
      readonly type: 'arguments' | 'command-line';
      readonly default: readonly string[];
      /** A value in TOML, as an example in error messages and on the reference page. */
      readonly sample: string;
    }
  | { readonly type: 'flag'; readonly default: boolean }
);

/** Settings by the name of their property: `statusFile` is the key `status_file`. */
export type SettingsTable = { readonly [property: string]: Setting };

type ValueOf<S extends Setting> = S extends { readonly type: 'flag' }
  ? boolean
  : S extends { readonly type: 'arguments' | 'command-line' }
    ? readonly string[]
    : string;

export type SettingValue = boolean | string | readonly string[];

/** The values of a section. */
export type SettingsOf<Table extends SettingsTable> = {
  readonly [Property in keyof Table]: ValueOf<Table[Property]>;
};

/** Returns the key of a property, as it is written in TOML. */
export function keyOfProperty(property: string): string {
  return property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
