// Tests the commit subjects with a pattern: `area: imperative`, at most 72 characters. The test
// reads the commits after the last release and after `base`; the rule does not cover older commits.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, suite } from './support/suite.ts';

const test = suite('commits');
const base = '59e8e94abd43a60ef41953ec6d2a608e814fb2ae';
const charactersMax = 72;

/** Verbs in the imperative whose ending looks like that of another form. */
const verbs = /^(?:address|bring|embed|express|feed|focus|need|pass|process|seed|speed|string)$/;

function complaint(subject: string): string | undefined {
  const { length } = [...subject];
  if (length > charactersMax) return `has ${length} characters; most: ${charactersMax}`;
  const [, verb, rest] = /^[a-z0-9][a-z0-9./-]*(?:, [a-z0-9./-]+)*: (\S+)(.*)$/.exec(subject) ?? [];
  if (verb === undefined || rest === undefined) return 'has no area: begin with "area: verb"';
  if (!/^[a-z][a-z-]*$/.test(verb)) return `begins with "${verb}": begin with a verb`;
  if (rest.trim() === '' || subject.endsWith('.')) return 'is one word, or ends with a full stop';
  const isOther = /^(?:a|an|the|it|its|no|not|all|each|now|of|in|on|for|from)$|(?:ed|ing|[^s]s)$/;
  if (isOther.test(verb) && !verbs.test(verb)) return `begins with "${verb}": use the imperative`;
  return undefined;
}

type Git = (...args: readonly string[]) => string | undefined;

const gitIn =
  (folder: string): Git =>
  (...args) => {
    const ran = spawnSync('git', ['-C', folder, ...args], { encoding: 'utf8' });
    return ran.status === 0 ? ran.stdout.trim() : undefined;
  };

/** Returns the subjects to check; undefined if the sources are not in a repository. */
function subjects(git: Git, from: string): readonly string[] | undefined {
  if (git('rev-parse', 'HEAD') === undefined) return undefined;
  const isKnown = git('merge-base', '--is-ancestor', from, 'HEAD') !== undefined;
  const isShallow = git('rev-parse', '--is-shallow-repository') === 'true';
  // A shallow clone has only the newest commits; `from` is before them.
  if (!isKnown && !isShallow) throw new Error(`${from} is not in the history of HEAD`);
  const tag = git('describe', '--tags', '--abbrev=0', '--match=v*', 'HEAD');
  const before = [...(isKnown ? [from] : []), ...(tag === undefined ? [] : [tag])];
  const args = ['log', '--no-merges', '--format=%s', 'HEAD', ...before.map((one) => `^${one}`)];
  return git(...args)
    ?.split('\n')
    .filter((line) => line !== '');
}

const own = subjects(gitIn('.'), base);

test.needs('a git repository', own !== undefined)('every subject follows the rule', () => {
  const found = own?.flatMap((subject) => {
    const wrong = complaint(subject);
    return wrong === undefined ? [] : [`${subject}: ${wrong}`];
  });
  assert.equal(found, []);
});

test('a good subject has an area and an imperative', () => {
  for (const subject of [
    'store: truncate an incomplete append',
    'backends/rvi, core: move the codec',
    'http: process a request once',
    `a: ${'x'.repeat(charactersMax - 5)} y`,
  ]) {
    assert.is(complaint(subject), undefined, subject);
  }
});

test('other subjects are rejected', () => {
  for (const [subject, what] of [
    [`a: ${'x'.repeat(charactersMax - 4)} y`, /has 73 characters/],
    ['Truncate an incomplete append', /no area/],
    ['store truncate', /no area/],
    ['Store: truncate an append', /no area/],
    ['store: Truncate an append', /begin with a verb/],
    ['store: "x" is truncated', /begin with a verb/],
    ['store: the append is truncated', /imperative/],
    ['store: truncated an append', /imperative/],
    ['store: truncating an append', /imperative/],
    ['store: truncates an append', /imperative/],
    ['store: truncate an append.', /full stop/],
    ['store: fix', /one word/],
  ] as const) {
    assert.match(complaint(subject) ?? '', what, subject);
  }
});

// ---------------------------------------------------------------- repositories

const made: string[] = [];
test.after(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sota-commits-'));
  made.push(folder);
  return folder;
}

function repository(...all: readonly string[]): { readonly folder: string; readonly git: Git } {
  const folder = scratch();
  const git = gitIn(folder);
  git('init', '-q');
  for (const subject of all) {
    writeFileSync(join(folder, 'file'), subject);
    git('add', '.');
    git('-c', 'user.name=x', '-c', 'user.email=x', 'commit', '-q', '-m', subject);
  }
  return { folder, git };
}

test('only commits after the base are checked, and after a later release', () => {
  const { git } = repository('one', 'two', 'three', 'four');
  const from = git('rev-parse', 'HEAD~3') ?? '';
  assert.equal(subjects(git, from), ['four', 'three', 'two']);
  git('tag', 'v1.0.0', 'HEAD~1');
  assert.equal(subjects(git, from), ['four']);
  git('tag', 'other');
  assert.equal(subjects(git, from), ['four']);
  git('tag', 'v1.0.1');
  assert.equal(subjects(git, from), []);
});

test('a shallow clone checks what it has; a folder without git has nothing to check', () => {
  const { folder, git } = repository('one', 'two', 'three');
  const from = git('rev-parse', 'HEAD~2') ?? '';
  const clone = scratch();
  const cloned = gitIn(clone)('clone', '-q', '--depth=1', `file://${folder}`, '.');
  assert.is.not(cloned, undefined);
  assert.equal(subjects(gitIn(clone), from), ['three']);
  assert.is(subjects(gitIn(scratch()), from), undefined);
});

test('a base that is not in the history is an error', () => {
  const { git } = repository('one');
  assert.throws(() => subjects(git, '0'.repeat(40)), /not in the history/);
});

test.run();
