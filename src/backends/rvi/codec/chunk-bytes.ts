// Decodes a message with the bytes of a chunk. Its base64 is nearly the whole message, so it is
// decoded from the received bytes, and JSON.parse reads only the rest. Any message that is not
// exactly as expected is parsed as a whole, so both ways accept and reject the same.
import { isObject, member } from '../../../schema.ts';
import type { Incoming } from './jsonrpc.ts';

const name = '"bytes":"';
/** Stands for the base64 in the text. The rest of the text does not contain it. */
const mark = '*';

export function decodeMessage(decodeIncoming: (text: string) => Incoming, data: Buffer): Incoming {
  const { text, bytes } = withoutBytes(data) ?? {};
  const incoming = text === undefined ? undefined : decodeIncoming(text);
  if (incoming?.kind === 'message') {
    const { parameters } = incoming;
    if (isObject(parameters) && member(parameters, 'bytes') === mark) {
      return { ...incoming, parameters: { ...parameters, bytes } };
    }
  }
  return decodeIncoming(data.toString());
}

function withoutBytes(
  data: Buffer,
): { readonly text: string; readonly bytes: Uint8Array } | undefined {
  const at = data.indexOf(name);
  if (at < 0) return undefined;
  const start = at + name.length;
  const end = data.indexOf('"', start);
  const head = data.toString('utf8', 0, start);
  const tail = data.toString('utf8', Math.max(start, end));
  // Without a backslash, the quotes are those of strings, and no other string has this value.
  if (/[*\\]/.test(head) || /[*\\]/.test(tail)) return undefined;
  const bytes = end < start ? undefined : strictBase64(data.toString('latin1', start, end));
  return bytes === undefined ? undefined : { text: `${head}${mark}${tail}`, bytes };
}

/**
 * Returns undefined if the text is not canonical base64. Node skips each character outside of both
 * alphabets, so fewer bytes than expected show one. To encode the whole result again would take as
 * long as to decode it.
 */
function strictBase64(text: string): Uint8Array | undefined {
  const paddingCount = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const expectedBytes = (text.length / 4) * 3 - paddingCount;
  const data = Buffer.from(text, 'base64');
  if (data.length !== expectedBytes || text.includes('-') || text.includes('_')) return undefined;
  const lastGroup = data.toString('base64', Math.max(0, data.length - 3 + paddingCount));
  return text.endsWith(lastGroup) ? data : undefined;
}
