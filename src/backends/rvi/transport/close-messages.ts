// How the other end closed a WebSocket, in words: its code, and the reason that it gave.
import { plain, shortened } from '../../../sanitize.ts';

const meanings: ReadonlyMap<number, string> = new Map([
  [1000, 'normal'],
  [1001, 'it goes away'],
  [1002, 'protocol error'],
  [1003, 'it does not take such data'],
  [1005, 'no code given'],
  [1007, 'not UTF-8'],
  [1008, 'against its policy'],
  [1009, 'too large'],
  [1011, 'it failed'],
  [1012, 'it restarts'],
  [1013, 'try again later'],
]);

/** Reasons have at most 123 bytes (RFC 6455); a peer may send what it likes. */
const reasonCharactersMax = 123;

export function closeWords(code: number, reason: Buffer, who: string, wasReset: boolean): string {
  if (code === 1006) {
    const did = wasReset ? 'reset the connection' : 'ended the connection without a close frame';
    return `${who} ${did}`;
  }
  const meaning = meanings.get(code);
  const given = shortened(plain(reason.toString()), reasonCharactersMax);
  const said = given === '' ? '' : `, and says: ${given}`;
  return `closed by ${who} (${code}${meaning === undefined ? '' : `, ${meaning}`})${said}`;
}
