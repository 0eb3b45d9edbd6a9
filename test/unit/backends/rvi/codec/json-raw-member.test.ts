// Tests the raw text of a JSON member with texts of one object each: the text must be exactly as
// written.
import { rawMember } from '../../../../../src/backends/rvi/codec/json-raw-member.ts';
import { assert, suite } from '../../../../support/suite.ts';

const test = suite('raw');

test('gives the text of a member as it was written', () => {
  const texts = ['1', '-0', '1e400', '9007199254740993', '0.10', 'true', 'null', '"a\\"b"', '""'];
  for (const text of texts) {
    assert.is(rawMember(`{"id":${text}}`, 'id'), text);
    assert.is(rawMember(`\n { "a" : 2 , "id"\t:\r\n ${text} , "b" : [ ] } `, 'id'), text);
  }
});

test('finds only members of the object itself', () => {
  const inner = '{"params":{"id":1},"list":[{"id":2}],"text":"\\"id\\":3"}';
  assert.is(rawMember(inner, 'id'), undefined);
  assert.is(rawMember('{"params":{"id":1},"id":2,"x":{"id":3}}', 'id'), '2');
  assert.is(rawMember('["id",1]', 'id'), undefined);
  assert.is(rawMember('{"a":"id"}', 'id'), undefined);
});

test('takes the last of several, as JSON.parse does', () => {
  assert.is(rawMember('{"id":1,"id":2}', 'id'), '2');
  assert.is(rawMember('{"id":9007199254740993,"\\u0069d":1e999}', 'id'), '1e999');
});

test('is not led astray by strings that look like more', () => {
  assert.is(rawMember('{"a\\\\":"}{\\"id\\":1","id":7}', 'id'), '7');
  assert.is(rawMember('{"a":"\\\\","id":7,"b":"]"}', 'id'), '7');
});

test('gives nothing for what is no simple value', () => {
  assert.is(rawMember('{"id":{"a":1}}', 'id'), '');
  assert.is(rawMember('{"id":[1]}', 'id'), '');
});

test('reads a message of the largest size', () => {
  const long = 'x'.repeat(250_000);
  assert.is(rawMember(`{"id":"${long}","id":12345678901234567890}`, 'id'), '12345678901234567890');
  assert.is(rawMember(`{"a":${'['.repeat(60_000)}${']'.repeat(60_000)},"id":5}`, 'id'), '5');
});

test.run();
