// Failures for HTTP answers that a node does not send: what answered, and which key to check.
import { plain, shortened } from '../../../sanitize.ts';
import { failure } from './errors.ts';
import type { IncomingMessage } from 'node:http';
import type { CallFailure } from './transport.ts';

const quotedCharactersMax = 120;

/** For any answer but status 200 with JSON. `key`: the configuration key of the peer's address. */
export function answerFailure(
  { statusCode, headers }: IncomingMessage,
  text: string,
  where: string,
  key: 'rvi.url' | 'rvi.proxy',
): CallFailure {
  const type = shortened(plain(headers['content-type'] ?? 'no content type'), 60);
  const head = `${where}: HTTP status ${statusCode} (${type})`;
  return failure('status', `${head}${hintOf(statusCode ?? 0, headers, key)}${quoted(text)}`);
}

function hintOf(status: number, headers: IncomingMessage['headers'], key: string): string {
  if (status >= 300 && status < 400) {
    const target = shortened(plain(headers.location ?? 'nowhere'), 200);
    return `: it redirects to ${target}, and the agent follows no redirects: check ${key}`;
  }
  if (status === 407) return ': a proxy requires a user and a password: check rvi.proxy';
  if (status === 401) return `: it requires a user and a password: check ${key}, rvi.proxy`;
  return `: not an answer of an RVI node: check ${key}`;
}

function quoted(text: string): string {
  const begin = plain(
    text
      .slice(0, 4 * quotedCharactersMax)
      .trim()
      .replace(/\s+/g, ' '),
  );
  if (begin === '') return '; the body is empty';
  return `; it begins: ${shortened(begin, quotedCharactersMax)}`;
}

/** Returns the text without a byte order mark if it is JSON. */
export function jsonIn(text: string): string | undefined {
  const bare = text.replace(/^\ufeff/, '');
  try {
    JSON.parse(bare);
    return bare;
  } catch {
    return undefined;
  }
}
