// Describes how the peer closed a WebSocket: the close code and the peer's reason.
import { plain, shortened } from '../../../sanitize.ts';

const meanings: ReadonlyMap<number, string> = new Map([
  [1000, 'normal'],
  [1001, 'going away'],
  [1002, 'protocol error'],
  [1003, 'unsupported data'],
  [1005, 'no status code'],
  [1007, 'not UTF-8'],
  [1008, 'policy violation'],
  [1009, 'too large'],
  [1011, 'internal error'],
  [1012, 'service restart'],
  [1013, 'try again later'],
]);

/** RFC 6455 limits a reason to 123 bytes, but a peer may send more. */
const reasonCharactersMax = 123;

export function closeWords(code: number, reason: Buffer, peer: string, wasReset: boolean): string {
  if (code === 1006) {
    const did = wasReset ? 'reset the connection' : 'ended the connection without a close frame';
    return `${peer} ${did}`;
  }
  const meaning = meanings.get(code);
  const given = shortened(plain(reason.toString()), reasonCharactersMax);
  const said = given === '' ? '' : `, reason: ${given}`;
  return `closed by ${peer} (${code}${meaning === undefined ? '' : `, ${meaning}`})${said}`;
}
