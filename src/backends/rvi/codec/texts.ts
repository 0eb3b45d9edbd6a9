// Node 0.5.1 delivers a message from its WebSocket unchanged over each transport: as an object
// whose values are JSON texts (protocol 1.9).
import { isObject, member, text as isText } from '../../../schema.ts';

/** Parses the values of such an object; returns all other parameters unchanged. */
export function fromTexts(parameters: unknown): unknown {
  if (!isObject(parameters)) return parameters;
  const entries = Object.entries(parameters);
  // An exception for each message of the other nodes would take a twentieth of the CPU time.
  if (!entries.every(([, value]) => isText(value))) return parameters;
  try {
    const parsed = entries.map(([name, value]) => [name, parse(value)] as const);
    const read = Object.fromEntries(parsed);
    // An update id is a string; one of digits alone would parse as a number.
    const id = member(read, 'update_id');
    return id === undefined || typeof id === 'string' ? read : parameters;
  } catch {
    return parameters;
  }
}

function parse(value: unknown): unknown {
  if (typeof value !== 'string') throw new SyntaxError('not a string');
  return JSON.parse(value);
}
