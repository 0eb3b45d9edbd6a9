// Tests each call and each delivery of the three node dialects, byte by byte against protocol 1.9.
import { nodeDialects } from '../../../../../src/backends/rvi/codec/node-dialect.ts';
import { assert, suite } from '../../../../support/suite.ts';

const test = suite('the dialects of the node');
const { 'rvi-0.4': rvi04, 'rvi-0.5': rvi05, jsonrpc } = nodeDialects;
const both = [rvi04, rvi05] as const;

const service = 'genivi.org/backend/sota/ack';
const ack = { vin: 'V1', package: { name: 'a"b', version: '1' }, chunks: [1, 2] };
const message = { service_name: service, timeout: 1_445_520_390, parameters: [ack] };
const register = { network_address: 'http://127.0.0.1:9080', service: '/sota/notify' };

test('0.4 and 0.5 register by service_name, and say no address', () => {
  for (const dialect of both) {
    assert.is(
      dialect.encodeCall(3, 'register_service', register),
      '{"id":3,"method":"register_service","params":{"service_name":"/sota/notify"}}',
    );
  }
});

test('0.4 is given the parameters of a message as a bare object', () => {
  assert.is(
    rvi04.encodeCall(7, 'message', message),
    `{"id":7,"method":"message","params":{"service_name":"${service}","timeout":1445520390,` +
      '"parameters":{"vin":"V1","package":{"name":"a\\"b","version":"1"},"chunks":[1,2]}}}',
  );
});

test('0.5 is given them as an object of JSON texts', () => {
  assert.is(
    rvi05.encodeCall(7, 'message', message),
    `{"id":7,"method":"message","params":{"service_name":"${service}","timeout":1445520390,` +
      '"parameters":{"vin":"\\"V1\\"",' +
      '"package":"{\\"name\\":\\"a\\\\\\"b\\",\\"version\\":\\"1\\"}","chunks":"[1,2]"}}}',
  );
});

test('an empty list of chunks stays one', () => {
  const empty = { ...message, parameters: [{ ...ack, chunks: [] }] };
  assert.match(rvi04.encodeCall(1, 'message', empty) ?? '', '"chunks":[]');
  assert.match(rvi05.encodeCall(1, 'message', empty) ?? '', '"chunks":"[]"');
});

test('0.4 is not asked which services there are, since it never answers that', () => {
  assert.is(rvi04.encodeCall(1, 'get_available_services', {}), undefined);
  assert.is(
    rvi05.encodeCall(1, 'get_available_services', {}),
    '{"id":1,"method":"get_available_services","params":{}}',
  );
});

test('reads a flat answer, also one that repeats the method', () => {
  for (const dialect of both) {
    for (const more of ['', ',"method":"register_service"']) {
      const text = `{"id":1,"status":0,"service":"p/sota/notify"${more}}`;
      assert.is(dialect.answeredId(Buffer.from(text)), '1');
      const answer = dialect.decodeAnswer(text);
      assert.is(answer.ok && answer.result['service'], 'p/sota/notify');
    }
  }
});

test('a status other than 0, or none, is a failure with its reason', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{"id":1,"status":7}', /status 7/],
    ['{"id":1,"status":"0"}', /status "0"/],
    ['{"id":1,"service":"x"}', /status \{"id":1/],
    ['{"id":1,"result":{"status":0}}', /status/],
    ['{"__proto__":{"status":0}}', /status/],
    ['[]', /status/],
    ['x', /JSON/],
  ];
  for (const dialect of both) {
    for (const [text, pattern] of cases) {
      const answer = dialect.decodeAnswer(text);
      assert.match(answer.ok ? 'ok' : answer.reason, pattern, text);
    }
  }
});

test('what the node delivers is no answer, whatever it carries', () => {
  const texts = [
    '{"json-rpc":"2.0","method":"message","params":{"service_name":"/sota/abort","parameters":{}}}',
    '{"id":1,"status":0,"method":"message","params":{}}',
    '{"id":1}',
    '{"status":0}',
    '[]',
    'x',
    `{"id":1,"status":0,"service":"${'x'.repeat(65_536)}"}`,
  ];
  for (const dialect of both) {
    for (const text of texts) assert.is(dialect.answeredId(Buffer.from(text)), undefined, text);
  }
});

test('takes a delivery bare or in a list, and answers neither it nor a bad one', () => {
  for (const dialect of both) {
    for (const parameters of ['{"a":1}', '[{"a":1}]']) {
      const params = `{"service_name":"/sota/finish","parameters":${parameters}}`;
      const text = `{"json-rpc":"2.0","method":"message","params":${params}}`;
      const incoming = dialect.decodeIncoming(text);
      assert.equal(incoming, {
        kind: 'message',
        id: undefined,
        service: '/sota/finish',
        parameters: { a: 1 },
      });
    }
    assert.is(dialect.encodeAnswer('1'), undefined);
    assert.is(dialect.encodeRefusal('1', -32602, 'no'), undefined);
  }
});

test('reads which services come and go', () => {
  for (const dialect of both) {
    const params = '{"services":["genivi.org/backend/sota/start"]}';
    const text = `{"json-rpc":"2.0","method":"services_unavailable","params":${params}}`;
    assert.equal(dialect.decodeIncoming(text), {
      kind: 'services',
      id: undefined,
      isAvailable: false,
      services: ['genivi.org/backend/sota/start'],
    });
  }
});

test('JSON-RPC stays what it is over HTTP', () => {
  const call = jsonrpc.encodeCall(7, 'message', message) ?? '';
  assert.equal(JSON.parse(call), { jsonrpc: '2.0', id: 7, method: 'message', params: message });
});

test.run();
