// What a node 0.5.1 took over its WebSocket it delivers as it came, on each way: a bare object,
// and each value in it a JSON text (protocol 1.9).
import { isObject, member } from '../../../schema.ts';

/** An object of values of other kinds stays as it is; so does everything that is no object. */
export function fromTexts(parameters: unknown): unknown {
  if (!isObject(parameters)) return parameters;
  const entries = Object.entries(parameters);
  try {
    const parsed = entries.map(([name, value]) => [name, parse(value)] as const);
    const read = Object.fromEntries(parsed);
    // The id of an update is a text itself; digits would else be read as a number.
    const id = member(read, 'update_id');
    return id === undefined || typeof id === 'string' ? read : parameters;
  } catch {
    return parameters;
  }
}

function parse(value: unknown): unknown {
  if (typeof value !== 'string') throw new SyntaxError('no text');
  return JSON.parse(value);
}
