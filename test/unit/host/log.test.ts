// Tests the log: the test passes events and compares the exact lines. The clock is manual.
import { createLog } from '../../../src/host/log.ts';
import { logLinesMax, logValueCharactersMax, logWindowMs } from '../../../src/limits.ts';
import { assert, suite } from '../../support/suite.ts';
import { createFakeClock } from '../../support/control.ts';
import type { LogOptions } from '../../../src/host/log.ts';

const test = suite('log');

function setUp(change: Partial<LogOptions> = {}) {
  const clock = createFakeClock(Date.UTC(2026, 0, 2, 3, 4, 5, 6));
  const lines: string[] = [];
  const reader: { isThere: boolean; isBack: () => void } = {
    isThere: true,
    isBack: () => undefined,
  };
  const write = (line: string) => {
    if (reader.isThere) lines.push(line);
    return reader.isThere;
  };
  const onTaken = (act: () => void) => void (reader.isBack = act);
  const usual = { level: 'info', format: 'text', prefix: 'none', write } as const;
  const options: LogOptions = { ...usual, onTaken, ...change };
  return { clock, lines, reader, log: createLog(clock, options) };
}

test('writes level, code and fields on one line', () => {
  const { log, lines } = setUp();
  log('info', 'started');
  log('warn', 'node-disconnected', {
    reason: 'refused',
    failures: 3,
    isNew: true,
    cause: undefined,
  });
  assert.equal(lines, [
    'info started\n',
    'warn node-disconnected reason=refused failures=3 isNew=true\n',
  ]);
});

for (const [format, line] of [
  ['text', 'warn log-dropped lines=2\n'],
  ['json', '{"level":"warn","event":"log-dropped","lines":2}\n'],
] as const) {
  test(`counts lines that nobody reads, and tells of them in one line: ${format}`, () => {
    const { log, lines, reader } = setUp({ format });
    reader.isThere = false;
    log('info', 'one');
    log('info', 'two');
    reader.isThere = true;
    reader.isBack();
    assert.equal(lines, [line]);
    log('info', 'three');
    assert.is(lines.length, 2);
  });
}

const spelt: readonly (readonly [string, string])[] = [
  ['plain-1.2_3', 'plain-1.2_3'],
  ['http://127.0.0.1:8901/a+b,c@d', 'http://127.0.0.1:8901/a+b,c@d'],
  ['', '""'],
  ['two words', '"two words"'],
  ['a=b', '"a=b"'],
  ['say "hi" \\', '"say \\"hi\\" \\\\"'],
  ['line\nerror faked code=1\r', '"line\\nerror faked code=1\\r"'],
  ['\u001b[2J\u0007\u0000', '"\\u001b[2J\\u0007\\u0000"'],
  ['\u009b31m\u007f', '"\\u009b31m\\u007f"'],
  ['\u202egpj.exe\u2066', '"\\u202egpj.exe\\u2066"'],
  ['zero\u200bwidth\ufeff', '"zero\\u200bwidth\\ufeff"'],
  ['\u2028\u2029', '"\\u2028\\u2029"'],
  ['half \ud800', '"half \\ud800"'],
  ['grün 車', '"grün 車"'],
];

for (const [value, wanted] of spelt) {
  test(`spells ${JSON.stringify(value)} as ${wanted}`, () => {
    const { log, lines } = setUp();
    log('info', 'x', { value });
    assert.equal(lines, [`info x value=${wanted}\n`]);
    const json = setUp({ format: 'json' });
    json.log('info', 'x', { value });
    assert.is(json.lines.length, 1);
    assert.equal(JSON.parse(json.lines[0] ?? ''), { level: 'info', event: 'x', value });
  });
}

test('cuts long values', () => {
  const { log, lines } = setUp();
  log('info', 'x', { value: 'a'.repeat(100_000) });
  assert.is(lines[0], `info x value="${'a'.repeat(logValueCharactersMax - 1)}…"\n`);
});

test('keeps quiet below its level', () => {
  const levels = ['debug', 'info', 'warn', 'error'] as const;
  for (const [rank, level] of levels.entries()) {
    const { log, lines } = setUp({ level });
    for (const one of levels) log(one, 'x');
    assert.equal(
      lines,
      levels.slice(rank).map((one) => `${one} x\n`),
    );
  }
});

test('writes JSON, a line each', () => {
  const { log, lines } = setUp({ format: 'json' });
  log('warn', 'node-disconnected', {
    reason: 'no "route"\n',
    failures: 3,
    isNew: true,
    none: undefined,
  });
  assert.equal(lines, [
    '{"level":"warn","event":"node-disconnected","reason":"no \\"route\\"\\n",' +
      '"failures":3,"isNew":true}\n',
  ]);
});

test('gives journald its priorities', () => {
  const { log, lines } = setUp({ level: 'debug', prefix: 'journald' });
  for (const level of ['debug', 'info', 'warn', 'error'] as const) log(level, 'x');
  assert.equal(lines, ['<7>debug x\n', '<6>info x\n', '<4>warn x\n', '<3>error x\n']);
  const json = setUp({ format: 'json', prefix: 'journald' });
  json.log('error', 'x');
  assert.equal(json.lines, ['<3>{"level":"error","event":"x"}\n']);
});

test('writes the time where nobody else does', () => {
  const text = setUp({ prefix: 'time' });
  text.log('info', 'x', { a: 1 });
  assert.equal(text.lines, ['2026-01-02T03:04:05.006Z info x a=1\n']);
  const json = setUp({ format: 'json', prefix: 'time' });
  json.log('info', 'x');
  assert.equal(json.lines, ['{"time":"2026-01-02T03:04:05.006Z","level":"info","event":"x"}\n']);
});

test('counts a flood of one code instead of writing it, and lets others through', async () => {
  const { log, lines, clock } = setUp();
  for (let count = 0; count < 1_000; count += 1) log('warn', 'refused', { count });
  log('info', 'other');
  assert.is(lines.length, logLinesMax + 1);
  await clock.advance(logWindowMs - 1);
  log('info', 'other');
  assert.is(lines.length, logLinesMax + 2);
  await clock.advance(1);
  log('debug', 'not written, and yet an occasion');
  assert.is(lines.length, logLinesMax + 3);
  assert.is(lines.at(-1), 'warn refused … 990 more like this\n');
  log('warn', 'refused', { count: 1_000 });
  assert.is(lines.at(-1), 'warn refused count=1000\n');
});

test('counts a flood in JSON', async () => {
  const { log, lines, clock } = setUp({ format: 'json' });
  for (let count = 0; count < 15; count += 1) log('warn', 'refused');
  await clock.advance(logWindowMs);
  log('info', 'other');
  assert.equal(lines.slice(logLinesMax), [
    '{"level":"warn","event":"refused","more":5}\n',
    '{"level":"info","event":"other"}\n',
  ]);
});

test('bounds a flood that lasts an hour', async () => {
  const { log, lines, clock } = setUp();
  for (let second = 0; second < 3_600; second += 1) {
    for (let count = 0; count < 10; count += 1) log('warn', 'refused');
    await clock.advance(1_000);
  }
  log('info', 'other');
  assert.is(lines.length, (logLinesMax + 1) * 60 + 1);
});

test('sets no timer: an idle agent does not wake up for its log, and a stopped one ends', () => {
  const { log, clock } = setUp();
  for (let count = 0; count < 100; count += 1) log('warn', 'refused');
  assert.is(clock.waiting(), 0);
});

test('writes every debug line to who asks for them', () => {
  const { log, lines } = setUp({ level: 'debug' });
  for (let count = 0; count < 100; count += 1) log('debug', 'chunk');
  assert.is(lines.length, 100);
});

test.run();
