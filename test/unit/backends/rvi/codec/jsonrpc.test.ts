// Tests the JSON-RPC codec with texts of a node, compared byte by byte, and with invalid texts.
import {
  answeredId,
  decodeAnswer,
  decodeIncoming,
  encodeAnswer,
  encodeCall,
  encodeRefusal,
  errorCodes,
} from '../../../../../src/backends/rvi/codec/jsonrpc.ts';
import { messageBytesMax } from '../../../../../src/limits.ts';
import { assert, suite } from '../../../../support/suite.ts';

const test = suite('jsonrpc');
const body = '"method":"message","params":{"service_name":"/sota/finish","parameters":[{"a":1}]}';
const call = (id: string) => `{"jsonrpc":"2.0","id":${id},${body}}`;
const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

// ---------------------------------------------------------------- ids

test('an id goes back as it came', () => {
  const ids = ['1', '0', '-1', '2649007917144', '"1"', '""', '"a b"', '"\\"\\\\"', 'null', 'true'];
  for (const id of ids) {
    const incoming = decodeIncoming(call(id));
    assert.is(incoming.id, id);
    const answer = encodeAnswer(incoming.id);
    assert.is(answer, `{"jsonrpc":"2.0","id":${id},"result":{"status":0}}`);
  }
});

test('also one that no JavaScript number holds', () => {
  const ids = ['9007199254740993', '-9007199254740993', '12345678901234567890123', '1e400', '0.1'];
  for (const id of ids) assert.is(decodeIncoming(call(id)).id, id);
});

test('of several ids the last counts', () => {
  assert.is(decodeIncoming(`{"id":1,${body},"id":9007199254740993}`).id, '9007199254740993');
  assert.is(decodeIncoming(`{"id":9007199254740993,${body},"id":2}`).id, '2');
});

test('an id within the parameters is none', () => {
  assert.is(decodeIncoming('{"method":"message","params":{"id":5}}').id, undefined);
});

test('an id that is no simple value is answered as null', () => {
  for (const id of ['{}', '[1]', '{"id":1}']) assert.is(decodeIncoming(call(id)).id, 'null');
});

test('a call without an id is heard, and gets no answer', () => {
  const incoming = decodeIncoming(`{"json-rpc":"2.0",${body}}`);
  assert.is(incoming.kind, 'message');
  assert.is(incoming.id, undefined);
  assert.is(encodeAnswer(incoming.id), undefined);
  assert.is(encodeRefusal(incoming.id, errorCodes.params, 'x'), undefined);
});

// ---------------------------------------------------------------- calls

test('reads a message, however the envelope is spelled and ordered', () => {
  const texts = [
    call('1'),
    `{"json-rpc":"2.0",${body},"id":1}`,
    `{${body},"id":1}`,
    `{"id":1,"jsonrpc":2,"more":[],${body}}`,
  ];
  for (const text of texts) {
    const { kind, id, ...rest } = decodeIncoming(text);
    assert.equal([kind, id], ['message', '1']);
    assert.equal(rest, { service: '/sota/finish', parameters: { a: 1 } });
  }
});

test('takes the head of a list of parameters, and what is there without a list', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['[{"a":1}]', { a: 1 }],
    ['{"a":1}', { a: 1 }],
    ['[{"a":1},{"b":2}]', { a: 1 }],
    ['[null]', null],
    ['null', null],
    ['[]', undefined],
    ['""', ''],
    ['[[1]]', [1]],
  ];
  for (const [text, wanted] of cases) {
    const params = `{"service_name":"/sota/abort","parameters":${text}}`;
    const incoming = decodeIncoming(`{"id":1,"method":"message","params":${params}}`);
    assert.equal(incoming.kind === 'message' && incoming.parameters, wanted, text);
  }
  const none = decodeIncoming('{"method":"message","params":{"service_name":"/sota/abort"}}');
  assert.is(none.kind === 'message' && none.parameters, undefined);
});

test('reads which services come and go, and leaves out what is no name', () => {
  for (const isAvailable of [true, false]) {
    const method = `services_${isAvailable ? '' : 'un'}available`;
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ['{"services":["a/b","c"]}', ['a/b', 'c']],
      ['{"services":["a",1,null,{}]}', ['a']],
      ...['{}', '{"services":"a"}', '[]', 'null', '"x"'].map((text) => [text, []] as const),
    ];
    for (const [params, listed] of cases) {
      const incoming = decodeIncoming(`{"id":1,"method":"${method}","params":${params}}`);
      assert.equal(incoming, { kind: 'services', id: '1', isAvailable, services: listed }, params);
    }
  }
});

test('refuses what is not JSON', () => {
  const marks = ['\ufeff', '\ufeff\ufeff{}'];
  const bad = ['', ' ', '{', '{"a":}', 'nonsense', '{"a":1}x', "{'a':1}", '\u0000', ...marks];
  for (const text of bad) {
    const incoming = decodeIncoming(text);
    assert.is(incoming.kind === 'refused' && incoming.code, errorCodes.parse, text);
    assert.is(incoming.id, 'null');
  }
});

test('reads on after one byte order mark', () => {
  const incoming = decodeIncoming(`\ufeff${call('900719925474099312345')}`);
  assert.is(incoming.kind === 'message' && incoming.id, '900719925474099312345');
  const answer = '\ufeff{"jsonrpc":"2.0","id":7,"result":{"status":0}}';
  assert.equal(decodeAnswer(answer), { ok: true, result: { status: 0 } });
  assert.is(answeredId(Buffer.from(answer)), '7');
});

test('refuses what is no call, by the code of its trouble', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['[]', errorCodes.request],
    [`[${call('1')}]`, errorCodes.request],
    ['1', errorCodes.request],
    ['null', errorCodes.request],
    ['{}', errorCodes.request],
    ['{"id":1,"method":1}', errorCodes.request],
    ['{"id":1,"method":null,"params":{}}', errorCodes.request],
    ['{"id":1,"method":"toString"}', errorCodes.method],
    ['{"id":1,"method":"__proto__","params":{}}', errorCodes.method],
    ['{"id":1,"method":"message"}', errorCodes.params],
    ['{"id":1,"method":"message","params":[]}', errorCodes.params],
    ['{"id":1,"method":"message","params":{"service_name":7}}', errorCodes.params],
    ['{"id":1,"method":"message","params":{"__proto__":{"service_name":"x"}}}', errorCodes.params],
  ];
  for (const [text, code] of cases) {
    const incoming = decodeIncoming(text);
    assert.is(incoming.kind === 'refused' && incoming.code, code, text);
  }
});

test('members of the prototype are no members', () => {
  const text = '{"id":1,"__proto__":{"method":"message","params":{"service_name":"x"}}}';
  assert.is(decodeIncoming(text).kind, 'refused');
});

test('reads the deepest message there can be', () => {
  const depth = messageBytesMax / 2 - 100;
  const params = `{"service_name":"/sota/start","parameters":${deep(depth)}}`;
  assert.is(decodeIncoming(`{"id":1,"method":"message","params":${params}}`).kind, 'message');
  assert.is(decodeIncoming(`{"id":${deep(depth)},${body}}`).id, 'null');
  assert.is(decodeIncoming(deep(depth)).kind, 'refused');
});

// ---------------------------------------------------------------- texts of the agent

test('a refusal is JSON, whatever it quotes', () => {
  const reason = 'a"b\\c\n\ud83d \u2028';
  const text = encodeRefusal('7', -32602, reason) ?? '';
  const value: unknown = JSON.parse(text);
  assert.equal(value, {
    jsonrpc: '2.0',
    id: 7,
    error: { code: -32602, message: 'a"b\\c\n\ufffd \u2028' },
  });
  assert.not.match(text, /\\ud/);
});

test('a call is spelled as the node wants it', () => {
  const params = { network_address: 'http://127.0.0.1:9080', service: '/sota/notify' };
  assert.is(
    encodeCall(3, 'register_service', params),
    '{"jsonrpc":"2.0","id":3,"method":"register_service","params":' +
      '{"network_address":"http://127.0.0.1:9080","service":"/sota/notify"}}',
  );
});

// ---------------------------------------------------------------- answers

test('takes the answers of every node', () => {
  const texts = [
    '{"jsonrpc":"2.0","id":1,"result":{"service":"a","status":0}}',
    '{"jsonrpc":"2.0","id":1,"result":{"status":0,"service":"a","method":"register_service"}}',
    '{"result":{"status":0,"transaction_id":2}}',
    '{"result":{"status":0}}',
    '{"result":{}}',
  ];
  for (const text of texts) assert.ok(decodeAnswer(text).ok, text);
});

test('knows a failure by its status, its error, or by what it is not', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{"result":{"status":1}}', /status 1/],
    ['{"result":{"status":"0"}}', /status "0"/],
    ['{"result":{"status":null}}', /status .*null/],
    ['{"jsonrpc":"2.0","error":{"code":-32603,"message":"json error"}}', /-32603/],
    ['{"result":null}', /error/],
    ['{"result":[]}', /error/],
    ['{"__proto__":{"result":{"status":0}}}', /error/],
    ['{}', /error/],
    ['[]', /error/],
    ['7', /error/],
    ['Internal Error', /JSON/],
    ['', /JSON/],
  ];
  for (const [text, pattern] of cases) {
    const answer = decodeAnswer(text);
    assert.not.ok(answer.ok, text);
    assert.match(answer.ok ? '' : answer.reason, pattern, text);
  }
});

test('an answer that is no answer is quoted in short, however deep or long it is', () => {
  for (const text of [deep(100_000), `{"error":${deep(100_000)}}`, `["${'x'.repeat(200_000)}"]`]) {
    const answer = decodeAnswer(text);
    assert.not.ok(answer.ok);
    assert.ok(!answer.ok && answer.reason.length < 300);
  }
  assert.not.ok(decodeAnswer(`{"result":{"status":${deep(100_000)}}}`).ok);
});

test('tells an answer to a call of ours from a call of the node', () => {
  const idOf = (text: string) => answeredId(Buffer.from(text));
  assert.is(idOf('{"jsonrpc":"2.0","id":12,"result":{}}'), '12');
  assert.is(idOf('{"id":9007199254740993,"error":{}}'), '9007199254740993');
  assert.is(idOf('{"id":"12","result":{}}'), '"12"');
  for (const text of [call('12'), 'x', '[]', '{}', '1', `{"id":1,"method":null}`]) {
    assert.is(idOf(text), undefined, text);
  }
  assert.is(idOf(`{"id":1,"result":"${'x'.repeat(65_536)}"}`), undefined);
});

test.run();
