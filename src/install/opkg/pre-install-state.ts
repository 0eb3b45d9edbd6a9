// What `prepare` found, kept in the journal through the attempt as text.
import type { Copy } from './status.ts';

export type Before = {
  readonly name: string;
  readonly version: string;
  /** The package as it was listed. */
  readonly was: { readonly version: string; readonly state: string } | undefined;
  readonly copies: readonly Copy[];
};

export function encodeBefore({ name, version, was, copies }: Before): string {
  const old = was === undefined ? {} : { was: { version: was.version, state: was.state } };
  return JSON.stringify({ name, version, ...old, copies });
}

/** Of another version of the agent, or spoilt: what it does not say is not known. */
export function decodeBefore(text: string): Before {
  const all = tableOf(parsed(text));
  const was = tableOf(all['was']);
  const [version, state] = [was['version'], was['state']];
  const copies: readonly unknown[] = Array.isArray(all['copies']) ? all['copies'] : [];
  return {
    name: String(all['name'] ?? ''),
    version: String(all['version'] ?? ''),
    was: typeof version === 'string' && typeof state === 'string' ? { version, state } : undefined,
    copies: copies.flatMap((one) => {
      const { path, copy, sha256 = '' } = tableOf(one);
      if (typeof path !== 'string' || typeof copy !== 'string') return [];
      return typeof sha256 === 'string' ? [{ path, copy, sha256 }] : [];
    }),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function tableOf(value: unknown): { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
