// Makes the scripts of hostile peers at the HTTP listener.
import { bodyOf, millionNotify } from './bodies.ts';
import { send } from './script.ts';
import type { Prng } from '../../support/prng.ts';
import type { Script, Step } from './script.ts';

/** The path of the honest transfer, as its configuration has it. */
export const deliveryPath = '/target';
const nodeHeaders = 'Host: 127.0.0.1\r\nContent-Type: application/json\r\n';
const headOf = (headers: string, method = 'POST') =>
  `${method} ${deliveryPath} HTTP/1.1\r\n${nodeHeaders}${headers}\r\n`;
const post = (body: Buffer, more = '') =>
  Buffer.concat([Buffer.from(headOf(`Content-Length: ${body.length}\r\n${more}`)), body]);

export function drawHttp(prng: Prng): Script {
  if (prng.chance(0.4)) return messages(prng);
  if (prng.chance(0.15)) return prng.pick(foreign)(prng);
  return prng.pick(prng.chance(0.85) ? often : seldom)(prng);
}

type Draw = (prng: Prng) => Script;
const often: readonly [Draw, ...Draw[]] = [
  slowHead,
  slowBody,
  cutOff,
  wrongLength,
  chunked,
  wrongMethod,
  wrongHead,
];
const seldom: readonly [Draw, ...Draw[]] = [garbage, expecting, deaf, crowd, million];
/** Requests of browsers and other foreign peers, each of many kinds. */
export const foreign: readonly [Draw, ...Draw[]] = [page, elsewhere, rebound, mistyped];
/** Each is played once, whatever a seed draws in addition. */
export const httpDraws: readonly Draw[] = [...often, ...seldom, ...foreign];

const alone = (name: string, steps: readonly Step[], inputs = 1): Script => {
  return { name, inputs, connections: 1, steps };
};

/** Several requests on one connection, pipelined or in turn; each is answered, in order. */
function messages(prng: Prng): Script {
  const bodies = Array.from({ length: 1 + prng.below(40) }, () => bodyOf(prng));
  const wires = bodies.map((body) => post(body));
  const isPipelined = prng.chance(0.5);
  const steps = isPipelined
    ? [send(Buffer.concat(wires)), { kind: 'answers', count: bodies.length } as const]
    : wires.flatMap((wire, at) => [send(wire), { kind: 'answers', count: at + 1 } as const]);
  return { ...alone(isPipelined ? 'pipelined' : 'kept', steps, bodies.length), bodies };
}

const ending = (prng: Prng): Step =>
  prng.pick<Step>([{ kind: 'hold' }, { kind: 'reset' }, { kind: 'half-close' }]);

function slowHead(prng: Prng): Script {
  const whole = Buffer.from(headOf('Content-Length: 2\r\n'));
  const part = whole.subarray(0, prng.below(whole.length));
  return alone('slow head', [{ kind: 'drip', data: part, everyMs: 1 }, ending(prng)]);
}

function slowBody(prng: Prng): Script {
  const body = bodyOf(prng).subarray(0, 100);
  const head = send(headOf(`Content-Length: ${body.length + prng.below(3)}\r\n`));
  return alone('slow body', [head, { kind: 'drip', data: body, everyMs: 1 }, ending(prng)]);
}

function cutOff(prng: Prng): Script {
  const whole = post(bodyOf(prng));
  return alone('cut off', [send(whole.subarray(0, prng.below(whole.length))), ending(prng)]);
}

const lengths = [
  '0',
  '1',
  '-1',
  '+5',
  '0x10',
  '1e3',
  '4294967295',
  '9007199254740993',
  '1'.repeat(400),
  '',
  ' ',
  'NaN',
  '5, 6',
  '5\r\nContent-Length: 6',
  '262144',
  '262145',
  '4194305',
  '5\r\nTransfer-Encoding: chunked',
  '2\r\nTransfer-Encoding: identity',
] as const;

function wrongLength(prng: Prng): Script {
  const body = bodyOf(prng);
  const line = prng.chance(0.1) ? '' : `Content-Length: ${prng.pick(lengths)}\r\n`;
  const wait: Step = { kind: 'wait', delayMs: 50 };
  return alone('wrong length', [send(headOf(line)), send(body), wait, ending(prng)]);
}

const chunkSizes = [
  '0',
  '00',
  '1',
  'ffffffff',
  'fffffffffffffffff',
  '-1',
  'zz',
  '',
  '5;ext=1',
  ' 5',
  '5 ',
  '10000',
] as const;

function chunked(prng: Prng): Script {
  const parts: Buffer[] = [Buffer.from(headOf('Transfer-Encoding: chunked\r\n'))];
  const body = bodyOf(prng);
  const stepBytes = prng.pick([1, 7, 1_000, 300_000]);
  const most = Math.min(body.length, stepBytes === 1 ? 500 : body.length);
  for (let at = 0; at < most; at += stepBytes) {
    const part = body.subarray(at, at + stepBytes);
    const size = prng.chance(0.02) ? prng.pick(chunkSizes) : part.length.toString(16);
    parts.push(Buffer.from(`${size}\r\n`), part, Buffer.from('\r\n'));
  }
  const strange = `${prng.pick(chunkSizes)}\r\n`;
  const last = prng.pick(['0\r\n\r\n', '0\r\nTrailer: x\r\n\r\n', '', '0\r\n', strange]);
  parts.push(Buffer.from(last));
  const wait: Step = { kind: 'wait', delayMs: 50 };
  return alone('chunked', [send(Buffer.concat(parts)), wait, ending(prng)]);
}

const methods = [
  'GET',
  'HEAD',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'TRACE',
  'CONNECT',
  'PRI',
  'post',
  'SOURCE',
  'X',
  '',
  'POST POST',
  '\u0000',
] as const;

function wrongMethod(prng: Prng): Script {
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
  const body = bodyOf(prng);
  const more = prng.chance(0.3) ? upgrade : '';
  const head = headOf(`Content-Length: ${body.length}\r\n${more}`, prng.pick(methods));
  return alone('wrong method', [send(head), send(body), { kind: 'wait', delayMs: 50 }]);
}

function wrongHead(prng: Prng): Script {
  const count = prng.pick([10, 100, 2_000, 20_000]);
  const head = prng.pick([
    headOf(`X: ${'y'.repeat(count * 10)}\r\n`),
    headOf('X: y\r\n'.repeat(count)),
    headOf('X: y\r\n'.repeat(count)).slice(0, -2),
    `POST /${'a'.repeat(count)} HTTP/1.1\r\nContent-Length: 0\r\n\r\n`,
    'POST / HTTP/9.9\r\n\r\n',
    'POST / HTTP/1.0\r\n\r\n',
    headOf('X\u0000: y\r\n'),
    headOf(' folded: y\r\n\tz\r\n'),
    'POST / HTTP/1.1\nHost: x\nContent-Length: 0\n\n',
    'POST http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n',
    '\r\n'.repeat(count),
  ]);
  return alone('wrong head', [send(head), { kind: 'wait', delayMs: 50 }, ending(prng)]);
}

function garbage(prng: Prng): Script {
  const data = Buffer.from(Array.from({ length: prng.below(5_000) }, () => prng.below(256)));
  const hello = Buffer.from('16030100050100000100', 'hex');
  return alone('garbage', [send(prng.chance(0.2) ? hello : data), ending(prng)]);
}

function expecting(prng: Prng): Script {
  const body = bodyOf(prng);
  const expected = prng.pick(['100-continue', '200-ok', '100-continue, 100-continue']);
  const head = headOf(`Content-Length: ${body.length}\r\nExpect: ${expected}\r\n`);
  const wait: Step = { kind: 'wait', delayMs: 50 };
  return alone('expecting', prng.chance(0.5) ? [send(head), wait, send(body), wait] : [send(head)]);
}

/** Sends a thousand requests and reads no response. */
function deaf(prng: Prng): Script {
  const all = Buffer.concat(Array.from({ length: 1_000 }, () => post(Buffer.from('{}'))));
  return alone('deaf', [{ kind: 'deaf' }, send(all), ending(prng)], 1_000);
}

/** More connections than the limit, with nothing, half a head, or a call each. */
function crowd(prng: Prng): Script {
  const first = prng.pick(['', 'POST / HT', post(bodyOf(prng)), headOf('Content-Length: 9\r\n')]);
  const hold = prng.chance(0.2);
  const end: Step = hold ? { kind: 'hold' } : { kind: 'wait', delayMs: 500 };
  const connections = 150 + prng.below(150);
  return { name: 'crowd', inputs: 1, connections, steps: [send(first), end] };
}

function million(): Script {
  const steps = [send(post(millionNotify())), { kind: 'answers', count: 1 }] as const;
  return { ...alone('10^6 packages', steps), connections: 12 };
}

// ---------------------------------------------------------------- what no node sends

/** A valid message in a request that must be rejected. */
function stranger(prng: Prng, name: string, line: string, headers: readonly string[]): Script {
  const body = bodyOf(prng);
  const head = [line, ...headers, `Content-Length: ${body.length}`].join('\r\n');
  const one = Buffer.concat([Buffer.from(`${head}\r\n\r\n`), body]);
  // A valid request follows, which the agent must not read.
  const wire = prng.chance(0.3) ? Buffer.concat([one, post(body)]) : one;
  const script = alone(`foreign: ${name}`, [send(wire), { kind: 'wait', delayMs: 200 }]);
  return { ...script, isForeign: true };
}

const postLine = `POST ${deliveryPath} HTTP/1.1`;
const host = 'Host: 127.0.0.1';
const json = 'Content-Type: application/json';

const ofPages = [
  'Origin: https://page.example',
  'Origin: null',
  'ORIGIN:',
  'Referer: http://127.0.0.1/',
  'Sec-Fetch-Site: cross-site',
  'Sec-Fetch-Mode: no-cors',
  'sec-ch-ua-mobile: ?0',
  'Cookie: a=b',
  'Upgrade: websocket',
  'Authorization: Basic YTpi',
  'Proxy-Connection: keep-alive',
  'Access-Control-Request-Private-Network: true',
  'Accept-Language: en',
  'DNT: 1',
  'User-Agent: Mozilla/5.0',
  'X-Requested-With: XMLHttpRequest',
  'Content-Encoding: gzip',
  'Connection: Upgrade',
  'Host: 127.0.0.1',
  'Content-Type: application/json',
  'Expect: x',
] as const;

function page(prng: Prng): Script {
  const added = prng.shuffle(ofPages).slice(0, 1 + prng.below(4));
  return stranger(prng, 'page', postLine, prng.shuffle([host, json, ...added]));
}

function elsewhere(prng: Prng): Script {
  const path = prng.pick([
    '/',
    '*',
    `${deliveryPath}/`,
    `${deliveryPath}?`,
    '/Victim',
    '/%76ictim',
    `/${deliveryPath}`,
    `http://127.0.0.1${deliveryPath}`,
    `/${'a'.repeat(prng.below(4_000))}`,
  ]);
  return stranger(prng, 'path', `POST ${path} HTTP/1.1`, [host, json]);
}

function rebound(prng: Prng): Script {
  const named = prng.pick([
    'page.example',
    '127.0.0.1.page.example',
    'localhost.',
    '127.0.0.1:1',
    '0.0.0.0',
    '10.0.0.1',
    '127.0.0.2',
    '',
    'x@127.0.0.1',
    '[::]',
    '127.1',
  ]);
  return stranger(prng, 'host', postLine, [`Host: ${named}`, json]);
}

function mistyped(prng: Prng): Script {
  const type = prng.pick([
    'text/plain',
    'text/plain;charset=UTF-8',
    'application/x-www-form-urlencoded',
    '',
    'multipart/form-data; boundary=application/json',
    'application/octet-stream',
    'text/json',
  ]);
  return stranger(prng, 'type', postLine, [host, `Content-Type: ${type}`]);
}
