// uvu with guards. Plain uvu exits with 0 if a hook throws, if a test throws something that is no
// Error, and if `.run()` is missing; here each of these fails the run. Its `.only` is hidden.
import process from 'node:process';
import { suite as uvuSuite } from 'uvu';
import * as assert from 'uvu/assert';

export { assert };

type Act = () => void | Promise<void>;
type Add = (title: string, act: Act) => void;

export type Suite = Add & {
  before(hook: Act): void;
  after(hook: Act): void;
  beforeEach(hook: Act): void;
  afterEach(hook: Act): void;
  /** Skips tests if this machine does not have what they need. */
  needs(what: string, isThere: boolean): Add;
  /** A test that cannot run here: named, counted as skipped, and a failure if CI is set. */
  skip(title: string, reason: string): void;
  run(): void;
};

let failed = false;
const unrun = new Set<{ readonly name: string }>();
/** `TESTS='parts; of names'`: runs only these tests. */
const parts = (process.env['TESTS'] ?? '').split(';').map((part) => part.trim());
const unfound = new Set(parts.filter((part) => part !== ''));
const isAll = unfound.size === 0;
process.on('exit', () => {
  for (const part of unfound) console.error(`FAIL  TESTS: no test's name has "${part}"`);
  if (!takeIsGood() || unfound.size > 0) process.exitCode = 1;
});

/**
 * Returns whether all suites since the last call ran, and no test and no hook failed; prints the
 * failures.
 */
export function takeIsGood(): boolean {
  for (const { name } of unrun) console.error(`FAIL  ${name}: .run() was forgotten`);
  const isGood = !failed && unrun.size === 0;
  failed = false;
  unrun.clear();
  return isGood;
}

export function suite(name: string): Suite {
  const inner = uvuSuite(name);
  const self = { name };
  unrun.add(self);
  let leftOut = 0;
  const test: Add = (title, act) => {
    if (isWanted(title)) inner(title, () => asError(act));
    else leftOut += 1;
  };
  const skip = (title: string, reason: string) => {
    if (!isWanted(title)) return;
    if (process.env['CI'] !== 'true') console.log(`\nSKIP  ${name}: ${title}: ${reason}`);
    else test(title, () => Promise.reject(new Error(`CI may not skip it: ${reason}`)));
  };
  return Object.assign(test, {
    before: (hook: Act) => inner.before(guarded(name, 'before', hook)),
    after: (hook: Act) => inner.after(guarded(name, 'after', hook)),
    beforeEach: (hook: Act) => inner.before.each(guarded(name, 'beforeEach', hook)),
    afterEach: (hook: Act) => inner.after.each(guarded(name, 'afterEach', hook)),
    needs: (what: string, isThere: boolean): Add =>
      isThere ? test : (title) => skip(title, `needs ${what}`),
    skip,
    run() {
      unrun.delete(self);
      if (leftOut > 0) console.log(`\n| ${name}: TESTS leaves out ${leftOut}`);
      inner.run();
    },
  });
}

function isWanted(title: string): boolean {
  const found = parts.filter((part) => part !== '' && title.includes(part));
  for (const part of found) unfound.delete(part);
  return isAll || found.length > 0;
}

/** uvu inspects what was thrown, and hides the failure if it is no Error. */
async function asError(act: Act): Promise<void> {
  try {
    await act();
  } catch (thrown) {
    failed = true;
    throw thrown instanceof Error ? thrown : new Error(`not an Error: ${String(thrown)}`);
  }
}

function guarded(name: string, kind: string, hook: Act): Act {
  return async () => {
    try {
      await hook();
    } catch (thrown) {
      failed = true;
      console.error(`FAIL  ${name}: the hook '${kind}' threw`, thrown);
      throw thrown;
    }
  };
}
