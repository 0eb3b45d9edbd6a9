// Helpers for values that Node throws: usually an Error whose code is the name of an errno.

export function codedError(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: 'EUNKNOWN', message: String(error) };
  const isCoded = 'code' in error && typeof error.code === 'string';
  return { code: isCoded ? String(error.code) : 'EUNKNOWN', message: error.message };
}

/**
 * Returns the message and the innermost frame of an error, as one line. The whole stack is not
 * usable: Node puts the source line before it, and the bundle is one line.
 */
export function briefError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const frame = /^ {4}at .*$/m.exec(error.stack ?? '')?.[0].trim();
  const message = error.message.split('\n')[0] ?? '';
  const named = error.name === 'Error' ? message : `${error.name}: ${message}`;
  return frame === undefined ? named : `${named} (${frame})`;
}
