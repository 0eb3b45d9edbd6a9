// Tests the sanitizer with every code point of Unicode, compared with the classes of Unicode.
import { plain, plainJson, printable, quotedToml } from '../../src/sanitize.ts';
import { toToml } from '../../src/config/toml.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('text');
const hidden =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]/u;
const isHidden = (code: number) => hidden.test(String.fromCodePoint(code));
const all = Array.from({ length: 0x11_0000 }, (_, code) => code);

test('shows every code point that could hide, and leaves the others', () => {
  const shown = all.filter((code) => plain(String.fromCodePoint(code)).startsWith('\\u'));
  const isShown = new Set(shown);
  const missed = all.filter((code) => isHidden(code) && !isShown.has(code));
  assert.equal(
    missed.map((code) => code.toString(16)),
    [],
  );
  const seen = /[\p{L}\p{N}\p{P}\p{S}]/u;
  const letters = shown.filter((code) => seen.test(String.fromCodePoint(code)) && !isHidden(code));
  assert.equal(
    letters.map((code) => code.toString(16)),
    [],
  );
});

test('spells them as their code points', () => {
  assert.is(plain('a\u061cb'), 'a\\u061cb');
  assert.is(plain('a\u{e0041}b'), 'a\\u{e0041}b');
  assert.is(plain('\u{1f600}ü包'), '\u{1f600}ü包');
  assert.is(plain('\ud800x'), '\\ud800x');
  assert.is(plain('\u001b[31m'), '\\u001b[31m');
});

test('in JSON a program reads back what was there', () => {
  const text = 'a\u061c\u{e0041}"\n\u{1f600}\u2028';
  const json = plainJson(JSON.stringify({ text }));
  assert.equal(JSON.parse(json), { text });
  assert.not.match(json, /[\u061c\u2028\udb40]/);
});

test('in TOML they are scalar values, which are all that TOML knows', () => {
  assert.is(toToml('a\u{e0041}'), '"a\\U000e0041"');
  assert.is(quotedToml('\u061c'), '"\\U0000061c"');
});

test('a report carries no sequences for terminals, but keeps its lines', () => {
  assert.is(printable('a\u001b[31;1mred\u001b[0m\r\n\tb\u0000c\rd'), 'ared\n\tb c\nd');
  assert.is(printable('\u001b]0;title\u0007x\u202e\u{e0041}y'), 'x  y');
});

test.run();
