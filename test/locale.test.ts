// Tests that nothing in the bundle needs the data of ICU or a local time zone: the build removes
// them. esbuild lists the files of the bundle, also of packages, and removes comments.
import { readFileSync } from 'node:fs';
import { build, transformSync } from 'esbuild';
import { assert, suite } from './support/suite.ts';

const test = suite('without ICU data');

type Rule = {
  readonly name: string;
  readonly patterns: readonly RegExp[];
  readonly bad: readonly string[];
  readonly good: readonly string[];
};

/** The effect of each, tried with Node 24.21: docs/internals/build.md. */
const rules: readonly Rule[] = [
  {
    name: 'Intl',
    patterns: [/\bIntl\b/],
    bad: ['new Intl.Collator()', 'Intl.DateTimeFormat().format()'],
    good: ['International()'],
  },
  {
    name: 'texts of a language',
    patterns: [/\blocaleCompare\b|\btoLocale\w+/],
    bad: ["a.localeCompare('b')", 'n.toLocaleString()', "s.toLocaleUpperCase('tr')"],
    good: ['s.toUpperCase()', 'a < b'],
  },
  {
    name: 'normal forms with K',
    patterns: [/\.normalize\((?!\)|["'`]NF[CD]["'`]\))/],
    bad: ["s.normalize('NFKC')", 's.normalize(form)'],
    good: ['s.normalize()', "s.normalize('NFD')"],
  },
  {
    name: 'other encodings',
    patterns: [
      /\bTextDecoder\((?!\)|["'`](?:utf-?8|utf-16le)["'`])|\btranscode\b|\bTextDecoderStream\b/,
    ],
    bad: ["new TextDecoder('shift_jis')", 'new TextDecoder(name)', 'buffer.transcode(a, b, c)'],
    good: ['new TextDecoder()', "new TextDecoder('utf-8', { fatal: true })"],
  },
  {
    name: 'local time of a date',
    patterns: [
      /\.[gs]et(?:Hours|Minutes|Seconds|Milliseconds|Date|Day|Month|FullYear|Year)\(/,
      /\bgetTimezoneOffset\b/,
    ],
    bad: ['d.getHours()', 'd.setDate(1)', 'd.getTimezoneOffset()'],
    good: ['d.getUTCHours()', 'd.getTime()', 'd.setUTCDate(1)'],
  },
  {
    name: 'a date as local text',
    patterns: [
      /\bto(?:Date|Time)String\b/,
      /(?<!new |\.|\w)Date\(/,
      /\bString\(new Date|\$\{new Date[^.}]*\}|new Date\([^()]*\)\.toString/,
    ],
    bad: ['d.toDateString()', 'Date()', 'String(new Date())', '`${new Date(0)}`'],
    good: ['new Date(0).toISOString()', 'class A extends Date {}'],
  },
  {
    name: 'a date from local numbers',
    patterns: [/new Date\((?:[^(),]|\([^()]*\))*,/],
    bad: ['new Date(2026, 6, 1)', 'new Date(year(), 1)'],
    good: ['new Date(max(1, 2))', 'new Date(Date.UTC(2026, 6, 1))'],
  },
  {
    name: 'a date from text, which may be local',
    patterns: [/\bDate\.parse\(/],
    bad: ['Date.parse(text)'],
    good: ['parse(text)'],
  },
];

/** What is used and right, with the reason. */
const allowed: readonly (readonly [path: string, name: string, because: string])[] = [
  [
    'src/backends/rvi/transport/tls.ts',
    'a date from text, which may be local',
    'OpenSSL writes the times of a certificate with the zone GMT',
  ],
];

function complaints(text: string): readonly string[] {
  return rules
    .filter(({ patterns }) => patterns.some((one) => one.test(text)))
    .map(({ name }) => name);
}

/** Without comments, and without the names of types. */
function codeOf(path: string, text: string): string {
  const options = { minifyWhitespace: true, legalComments: 'none', target: 'node20.11' } as const;
  return transformSync(text, { ...options, loader: path.endsWith('.ts') ? 'ts' : 'js' }).code;
}

const { metafile } = await build({
  entryPoints: ['src/main.ts'],
  bundle: true,
  write: false,
  metafile: true,
  platform: 'node',
  logLevel: 'silent',
});
const inputs = Object.keys(metafile.inputs);

test('the bundle has files of the agent and of its packages', () => {
  for (const folder of ['src/', 'node_modules/ws/', 'node_modules/smol-toml/']) {
    assert.ok(inputs.filter((path) => path.startsWith(folder)).length > 5, folder);
  }
});

test('no file of the bundle uses what does not work', () => {
  const found = inputs.flatMap((path) =>
    complaints(codeOf(path, readFileSync(path, 'utf8'))).map((name) => `${path}: ${name}`),
  );
  assert.equal(
    found,
    allowed.map(([path, name]) => `${path}: ${name}`),
  );
});

for (const { name, bad, good } of rules) {
  test(`finds ${name}`, () => {
    for (const text of bad) {
      assert.ok(complaints(codeOf('a.ts', text)).includes(name), text);
      assert.equal(complaints(codeOf('a.ts', `// ${text}`)), []);
    }
    for (const text of good) assert.equal(complaints(codeOf('a.ts', text)), [], text);
  });
}

test.run();
