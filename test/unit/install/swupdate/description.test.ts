// Tests the parsers of sw-description, sw-versions and the messages of SWUpdate with sample texts.
import {
  decodeBefore,
  encodeBefore,
  parseVersions,
} from '../../../../src/install/swupdate/evidence.ts';
import { parseDescription } from '../../../../src/install/swupdate/sw-description.ts';
import { conclude, codeOf, errorsIn } from '../../../../src/install/swupdate/result.ts';
import { isNothingToDo, reasonOf } from '../../../../src/install/swupdate/result.ts';
import { assert, suite } from '../../../support/suite.ts';
import { describe } from '../../../support/swu.ts';
import type { Evidence } from '../../../../src/install/swupdate/evidence.ts';

const test = suite('what SWUpdate and its files say');

function versionsIn(text: string): readonly (readonly [string, string])[] | undefined {
  const versions = parseDescription(text)?.versions;
  return versions === undefined ? undefined : [...versions];
}

test('finds the images and their versions, and no script', () => {
  const data = new Uint8Array(1);
  const text = describe({
    version: '1.2.3',
    files: [
      { name: 'a.bin', data, path: '/a', version: '5' },
      { name: 'b.bin', data, path: '/b' },
    ],
    scripts: [{ name: 'x.sh', text: '', type: 'postinstall' }],
  });
  assert.equal(versionsIn(text), [
    ['a.bin', '5'],
    ['b.bin', '1.2.3'],
  ]);
});

test('takes the same image in two sets once, and none where the sets differ', () => {
  const set = (version: string) =>
    `images: ( { filename = "r.img"; name = "rootfs"; version = "${version}"; } );`;
  const both = (a: string, b: string) =>
    `software = { stable = { copy1: { ${set(a)} }; copy2: { ${set(b)} }; }; }`;
  assert.equal(versionsIn(both('7', '7')), [['rootfs', '7']]);
  assert.is(versionsIn(both('7', '8')), undefined);
});

test('says nothing of versions where an image has none', () => {
  const image = (more: string) => `software = { files: ( { filename = "a"; ${more} } ); }`;
  assert.is(versionsIn(image('name = "a";')), undefined);
  assert.is(versionsIn(image('version = "a";')), undefined);
  assert.is(versionsIn('software = { version = "1"; }'), undefined);
});

test('reads JSON, comments, and braces within strings', () => {
  const json = '{"software":{"version":"1","images":[{"filename":"a{","name":"a","version":"2"}]}}';
  assert.equal(versionsIn(json), [['a', '2']]);
  const commented = `# software
    software : { // { one
      /* { name = "no"; version = "no"; filename = "no"; } */
      images : ( { filename = "a"; name = "say \\"a\\""; version = "2" } ) }`;
  assert.equal(versionsIn(commented), [['say "a"', '2']]);
});

test('takes what does not close, or closes too much, for no description', () => {
  assert.is(parseDescription('software = { version = "1";'), undefined);
  assert.is(parseDescription('software = { } }'), undefined);
});

const image = (name: string, version: string) =>
  `software = { files: ( { filename = "a"; name = ${name}; version = ${version}; } ); }`;

for (const [what, text, expected] of [
  ['joins strings that stand side by side', image('"app"', '"1.0" ".1" /* x */ "-r2"'), '1.0.1-r2'],
  ['joins them over lines', image('"app"', '"1.0"\n  ".1"'), '1.0.1'],
  ['reads UTF-8', image('"app"', '"1.0.1-größe"'), '1.0.1-größe'],
  ['reads bytes of UTF-8 in escapes', image('"app"', '"gr\\xc3\\xb6\\xC3\\x9fe"'), 'größe'],
  ['reads the escapes of libconfig', image('"app"', '"a\\tb\\\\c\\"d"'), 'a\tb\\c"d'],
  ['reads the escapes of JSON', image('"app"', '"gr\\u00f6\\u00dfe"'), 'größe'],
  ['cannot tell what is no UTF-8', image('"app"', '"gr\\xf6e"'), undefined],
  ['cannot tell what is in another file', `@include "x.cfg"\n${image('"app"', '"1"')}`, undefined],
  ['cannot tell where a string is open', `${image('"app"', '"1"')}\nx = "`, undefined],
] as const) {
  test(`${what}, in a version and in a name`, () => {
    const wanted = expected === undefined ? undefined : [['app', expected]];
    assert.equal(versionsIn(text), wanted);
  });
}

test('knows whether an update says that it needs no reboot', () => {
  const said = (text: string) => parseDescription(text)?.isRebootNeedless;
  assert.is(said('software = { version = "1"; }'), false);
  assert.is(said('software = { reboot = true; }'), false);
  assert.is(said('software = { reboot = false; }'), true);
  assert.is(said('{ "software": { "reboot": false } }'), true);
  assert.is(said('software = { description = "reboot = false"; }'), false);
});

test('reads sw-versions, and leaves out what is no pair', () => {
  const text = 'kernel 6.1\n\n# note\nrootfs\t5.1-r2  # now\nlonely\nthree words here\n';
  const huge = `${'n'.repeat(300)} 1\n`;
  assert.equal(
    [...parseVersions(text + huge)],
    [
      ['kernel', '6.1'],
      ['rootfs', '5.1-r2'],
    ],
  );
});

test('finds the errors in what a program printed', () => {
  const output = `[INFO ] : SWUPDATE running :  Installation in progress
[ERROR] : SWUPDATE failed [0] ERROR : HASH mismatch : a <--> b
swupdate_image_write failed: Broken pipe
[ERROR] : SWUPDATE failed [1] Image invalid or corrupted. Not installing ...
[ERROR] : SWUPDATE failed [0] ERROR : SWUpdate *failed* !
`;
  const errors = errorsIn(output);
  assert.is(reasonOf(errors), 'HASH mismatch : a <--> b');
  assert.is(codeOf(errors), 'validation-failed');
});

test('gives what it always says only where it says nothing else', () => {
  const always = 'Image invalid or corrupted. Not installing ...';
  assert.is(reasonOf([always]), always);
  assert.is(reasonOf([]), 'SWUpdate failed and printed no reason');
});

test('knows the kinds of failure by their words', () => {
  assert.is(codeOf(['ERROR : Not enough free space to extract app (needed 5)']), 'disk-full');
  assert.is(codeOf(['ERROR : No downgrading allowed: new version 1 <= 2']), 'old-version');
  assert.is(codeOf(['ERROR : Signature verification failed']), 'validation-failed');
  assert.is(codeOf(['ERROR : SW not compatible with hardware']), 'install-failed');
  assert.ok(isNothingToDo(['ERROR : Found nothing to install']));
  assert.not.ok(isNothingToDo(['ERROR : SW not compatible with hardware']));
});

const evidence: { readonly [name: string]: Evidence } = {
  installed: { kind: 'installed', description: 'd' },
  failed: { kind: 'failed', description: 'd' },
  unmarked: { kind: 'unmarked', description: 'd' },
  nothing: { kind: 'nothing', description: 'd' },
};
const outcomes = (ended: Parameters<typeof conclude>[0], isThere: boolean | undefined = false) =>
  Object.fromEntries(
    Object.entries(evidence).map(([name, one]) => [name, conclude(ended, one, isThere).kind]),
  );
const [is, no] = ['installed', 'failed'];

test('lets the device contradict a success, and a mark or a check contradict a failure', () => {
  const success = { kind: 'success', errors: [] } as const;
  assert.equal(outcomes(success), {
    ...{ installed: is, failed: no, unmarked: is, nothing: is },
  });
  const failure = { kind: 'failure', errors: ['x'] } as const;
  assert.equal(outcomes(failure), {
    ...{ installed: is, failed: no, unmarked: no, nothing: no },
  });
  const there = 'there-already';
  assert.equal(outcomes(failure, true), {
    ...{ installed: is, failed: there, unmarked: there, nothing: there },
  });
});

test('gives a skip no other version as its cause where it cannot tell', () => {
  const errors = ['ERROR : No reinstalling allowed: new version 1 == installed 1'];
  const outcome = conclude(
    { kind: 'failure', errors },
    { kind: 'nothing', description: 'd' },
    undefined,
  );
  assert.is(outcome.kind === 'failed' && outcome.code, 'install-failed');
  assert.match(outcome.description, /cannot determine whether/);
});

test('believes in an end without a verdict only what the device shows', () => {
  for (const ended of [{ kind: 'timed-out' }, { kind: 'lost', reason: 'gone' }] as const) {
    assert.equal(outcomes(ended), {
      ...{ installed: is, failed: no, unmarked: no, nothing: no },
    });
  }
});

test('keeps what was before through the journal, and takes garbage for no proof', () => {
  const before = { isCleared: true, wasThere: true };
  assert.equal(decodeBefore(encodeBefore(before)), before);
  const ofOld = '{"isCleared":false,"wasSame":true}';
  for (const text of ['', '{', 'null', '7', '[]', '{"isCleared":"true","wasThere":1}', ofOld]) {
    assert.equal(decodeBefore(text), { isCleared: false, wasThere: false });
  }
});

test.run();
