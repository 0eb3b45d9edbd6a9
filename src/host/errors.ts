// What Node throws is `unknown`, and mostly an Error with the name of an errno as its code.

export function codedError(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: 'EUNKNOWN', message: String(error) };
  const isCoded = 'code' in error && typeof error.code === 'string';
  return { code: isCoded ? String(error.code) : 'EUNKNOWN', message: error.message };
}

/**
 * Message and innermost frame of an error, as one line. Never the whole stack: Node puts the line
 * of source before it, which in the bundle is all of it.
 */
export function briefError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const frame = /^ {4}at .*$/m.exec(error.stack ?? '')?.[0].trim();
  const message = error.message.split('\n')[0] ?? '';
  const named = error.name === 'Error' ? message : `${error.name}: ${message}`;
  return frame === undefined ? named : `${named} (${frame})`;
}
