// Judges the response to an input, with a reading of the protocol that shares no code with the
// agent. Each response is complete and carries the id of its request. Nothing is accepted that has
// invalid fields.

type Body = { readonly [name: string]: unknown };

const isBody = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const own = (body: Body, name: string): unknown =>
  Object.getOwnPropertyDescriptor(body, name)?.value;

function parsed(text: string): unknown {
  try {
    // One byte order mark is valid (RFC 8259, section 8.1).
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    return undefined;
  }
}

/** Returns the defect of the response; undefined if there is none. */
export function faultOf(data: Buffer, answer: string | undefined): string | undefined {
  const call = parsed(data.toString());
  const isNotification = isBody(call) && own(call, 'id') === undefined;
  if (answer === undefined) return isNotification ? undefined : 'a call without an answer';
  if (answer !== Buffer.from(answer).toString()) return `an ill-formed answer: ${answer}`;
  const said = parsed(answer);
  if (!isBody(said) || said['jsonrpc'] !== '2.0') return `no answer of JSON-RPC: ${answer}`;
  if (isNotification) return `an answer to a notification: ${answer}`;
  const id = isBody(call) ? own(call, 'id') : null;
  const isFlat = typeof id !== 'object' || id === null;
  if (isFlat && said['id'] !== id) return `the id of another: ${answer}`;
  const { result, error } = said;
  if (isBody(error)) {
    const { code, message } = error;
    const isWhole = Number.isInteger(code) && typeof message === 'string' && message.length < 1_000;
    return isWhole ? undefined : `no error of JSON-RPC: ${answer}`;
  }
  if (!isBody(result) || result['status'] !== 0) return `neither result nor error: ${answer}`;
  const why = isBody(call) ? whyNot(call) : 'not an object';
  return why === undefined ? undefined : `taken, though ${why}`;
}

/** Returns why a call must be rejected; undefined if it may be accepted. */
function whyNot(call: Body): string | undefined {
  const method = own(call, 'method');
  if (method === 'services_available' || method === 'services_unavailable') return undefined;
  if (method !== 'message') return 'there is no such method';
  const params = own(call, 'params');
  const name = isBody(params) ? own(params, 'service_name') : undefined;
  const service = typeof name === 'string' ? name.split('/').filter((part) => part !== '') : [];
  // The full names of the vehicle's services are those that its node assigned.
  const ours = /^(\/?|genivi\.org\/(vin|device)\/[^/]+\/)sota\//;
  const isOurs = typeof name === 'string' && ours.test(name);
  if (!isOurs) return `nobody registered ${String(name)}`;
  const given = isBody(params) ? own(params, 'parameters') : undefined;
  const body = meant(Array.isArray(given) ? given[0] : given);
  switch (service.at(-1)) {
    case 'getpackages':
      return undefined;
    case 'abort':
      return isBody(body) ? badAbort(body) : undefined;
    case 'notify':
      return isBody(body) ? badOffer(body) : 'it has no body';
    case 'start':
      return isBody(body) ? (badId(body) ?? badStart(body)) : 'it has no body';
    case 'chunk':
      return isBody(body) ? (badId(body) ?? badChunk(body)) : 'it has no body';
    case 'finish':
      return isBody(body) ? badId(body) : 'it has no body';
    default:
      return 'there is no such service';
  }
}

/** A node 0.5.1 sends each value over its WebSocket as a JSON text (protocol 1.9). */
function meant(body: unknown): unknown {
  if (!isBody(body)) return body;
  const all = Object.entries(body);
  const isAllTexts = all.every(
    ([, text]) => typeof text === 'string' && parsed(text) !== undefined,
  );
  if (!isAllTexts) return body;
  const read = Object.fromEntries(all.map(([name, text]) => [name, parsed(String(text))]));
  // An id of digits only must be a number, not a text.
  const id = own(read, 'update_id');
  return id === undefined || typeof id === 'string' ? read : body;
}

const isThere = (value: unknown) => value !== undefined && value !== null;

/** It may be empty; if a package is given, it takes precedence over an update. */
function badAbort(body: Body): string | undefined {
  if (isThere(own(body, 'package'))) return badPackage(own(body, 'package'));
  const update = own(body, 'update_id');
  return isThere(update) ? badName('update_id', update) : undefined;
}

/** Some entries of a list may be bad; an update is never in a list (protocol 2.1, 2.2). */
function badOffer(body: Body): string | undefined {
  const offer = own(body, 'update_available') ?? own(body, 'update');
  if (offer === undefined) {
    return Array.isArray(own(body, 'packages')) ? undefined : 'it offers nothing';
  }
  if (!isBody(offer)) return 'its update is none';
  const signature = own(offer, 'signature') ?? '';
  if (typeof signature !== 'string') return 'its signature is no text';
  if (Buffer.byteLength(signature) > 8_192) return 'its signature is too long';
  if (Buffer.from(signature).toString() !== signature) return 'its signature is ill-formed';
  if (signature.includes('\0')) return 'its signature would end an environment';
  return badName('update_id', own(offer, 'update_id'));
}

/** The id of a package (P1) or of an update. */
function badId(body: Body): string | undefined {
  const update = own(body, 'update_id');
  return update === undefined ? badPackage(own(body, 'package')) : badName('update_id', update);
}

function badPackage(id: unknown): string | undefined {
  if (!isBody(id)) return 'it names no package';
  return badName('name', own(id, 'name')) ?? badName('version', own(id, 'version'));
}

function badName(part: string, text: unknown): string | undefined {
  if (typeof text !== 'string' || text === '') return `its ${part} is no text`;
  if (Buffer.from(text).toString() !== text) return `its ${part} is ill-formed`;
  if (Buffer.byteLength(text) > 255) return `its ${part} is too long`;
  if ([...text].some((char) => char < ' ' || '/\\\u007f'.includes(char))) {
    return `its ${part} could be a path or a command`;
  }
  return text === '.' || text === '..' ? `its ${part} is a folder` : undefined;
}

const isWithin = (value: unknown, min: number, max: number) =>
  typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;

function badStart(body: Body): string | undefined {
  const checksum = own(body, 'checksum');
  if (!isWithin(own(body, 'chunkscount'), 0, 32_768)) return 'its count is out of bounds';
  const isHex = typeof checksum === 'string' && checksum.length === 40;
  return isHex && Buffer.from(checksum, 'hex').length === 20 ? undefined : 'its checksum is none';
}

function badChunk(body: Body): string | undefined {
  const bytes = own(body, 'bytes');
  if (!isWithin(own(body, 'index'), 1, 32_768)) return 'its index is out of bounds';
  if (typeof bytes !== 'string') return 'its bytes are no text';
  const data = Buffer.from(bytes, 'base64');
  if (data.toString('base64') !== bytes) return 'its bytes are not in base64';
  return data.length > 65_536 ? 'it has too many bytes' : undefined;
}
