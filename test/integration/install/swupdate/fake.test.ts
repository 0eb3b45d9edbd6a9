// Tests the installer against fake daemons of other word sizes and releases, and against faulty
// ones.
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { assert, suite } from '../../../support/suite.ts';
import { canMakeSwu } from '../../../support/swu.ts';
import { createBench, writePayload } from './bench.ts';
import { createFake } from './fake.ts';
import type { InstallResult } from '../../../../src/install/installer.ts';
import type { SwupdateSettings } from '../../../../src/install/swupdate/settings.ts';
import type { Bench } from './bench.ts';
import type { Fake, FakeOptions } from './fake.ts';
import type { LayoutName } from '../../../support/swupdate-messages.ts';

const all = suite('SWUpdate daemons of other releases');
// The bench makes keys with these programs.
const test = all.needs('openssl, cpio', canMakeSwu());
const payload = randomBytes(500_000);
const common = { sizeBytes: 3120, layout: '2023.12' } as const;

async function on(
  options: FakeOptions,
  act: (verdict: InstallResult, fake: Fake, bench: Bench) => void,
  more: Partial<SwupdateSettings> = {},
): Promise<void> {
  const bench = createBench();
  mkdirSync(bench.sockets, { recursive: true });
  const fake = await createFake(bench.sockets, options);
  try {
    const installer = bench.installer(more);
    const request = bench.request(writePayload(bench, payload));
    const prepared = await installer.prepare(request);
    assert.ok(prepared.ok);
    act(await installer.run(request, prepared.before), fake, bench);
    assert.ok(!bench.ran.some(({ program }) => program === 'swupdate'));
  } finally {
    await fake.stop();
    bench.remove();
  }
}

const pairs: readonly (readonly [number, LayoutName])[] = [
  [3112, '2020.11'],
  [3100, '2020.11 i386'],
  [3104, '2020.11'],
  [3104, '2020.11 i386'],
  [3120, '2023.12'],
  [3104, '2023.12'],
  [3120, '2024.12'],
  [3104, '2024.12'],
  [3120, '2025.12'],
  [3104, '2025.12'],
];

for (const [sizeBytes, layout] of pairs) {
  test(`installs through one of ${sizeBytes} bytes that tells its progress as ${layout}`, () =>
    on({ sizeBytes, layout }, (verdict, fake, bench) => {
      assert.equal(verdict, {
        kind: 'installed',
        description: 'SWUpdate reported success; ustate is 1 (INSTALLED)',
      });
      assert.ok(fake.received().equals(payload));
      assert.match(fake.info(), /^sota-agent /);
      assert.is(fake.requests(), 1);
      assert.equal(
        bench.progress.map(([percent]) => percent),
        [0, 40, 100],
      );
    }));
}

test('takes the last result where there is no progress socket', async () => {
  const failed = { result: 'failure', lines: ['ERROR : HASH mismatch : a <--> b'] } as const;
  await on({ ...common, layout: undefined }, (verdict) => assert.is(verdict.kind, 'installed'));
  await on({ ...common, layout: undefined, ...failed }, (verdict) =>
    assert.equal(verdict, {
      kind: 'failed',
      code: 'validation-failed',
      description: 'HASH mismatch : a <--> b',
    }),
  );
});

for (const lastResult of [3, 4]) {
  test(`takes no result of an install before for its own (${lastResult})`, () =>
    on({ ...common, layout: undefined, lastResult, isForgetful: true }, (verdict, fake) => {
      assert.is(fake.requests(), 1);
      assert.is(verdict.kind, 'interrupted');
      const text = verdict.kind === 'interrupted' ? verdict.description : '';
      assert.match(text, /does not show whether it installed this/);
    }));

  test(`takes its own result, also where that is the one of before (${lastResult})`, () => {
    const result = lastResult === 3 ? 'success' : 'failure';
    const options = { ...common, layout: undefined, lastResult, result, lines: ['x'] } as const;
    return on(options, (verdict) => {
      assert.is(verdict.kind, lastResult === 3 ? 'installed' : 'failed');
    });
  });
}

test('takes no end of others for its own', () =>
  on(
    {
      ...common,
      earlier: [{ status: 1, info: 'of somebody else' }, { status: 3 }, { status: 0 }],
      result: 'failure',
    },
    (verdict) => assert.is(verdict.kind, 'failed'),
  ));

test('goes by the verdict, not by a connection that breaks while it writes', async () => {
  const cut = { ...common, readBytesMax: 100_000 };
  await on(cut, (verdict) => assert.is(verdict.kind, 'installed'));
  await on({ ...cut, result: 'failure' }, (verdict) => assert.is(verdict.kind, 'failed'));
});

test('asks again when the daemon is not idle yet, and is busy when it never is', async () => {
  const text = 'Installation in progress';
  await on({ ...common, refusals: [text, text, ''] }, (verdict, fake) => {
    assert.is(verdict.kind, 'installed');
    assert.is(fake.requests(), 3);
  });
  await on({ ...common, refusals: [text] }, (verdict, fake) => {
    assert.equal(verdict, { kind: 'busy', reason: text });
    assert.ok(fake.requests() > 3 && fake.requests() < 20);
  });
});

test('believes no line of an earlier idleness', () =>
  on({ ...common, idleLines: Array(20).fill('Waiting for requests...') }, (verdict, fake) => {
    assert.is(verdict.kind, 'busy');
    assert.is(fake.requests(), 0);
  }));

test('gives the reason of a refusal that will stay one', async () => {
  await on({ ...common, refusals: [' '] }, (verdict) =>
    assert.equal(verdict, {
      kind: 'failed',
      code: 'install-failed',
      description: 'the daemon refuses the request',
    }),
  );
});

test('sends nothing to a daemon whose messages it does not know', () =>
  on({ ...common, sizeBytes: 2072 }, (verdict, fake) => {
    assert.is(verdict.kind, 'failed');
    assert.match(verdict.kind === 'failed' ? verdict.description : '', /another protocol/);
    assert.is(fake.requests(), 0);
  }));

test('sends nothing to a daemon that wants more than it has', () =>
  on({ ...common, sizeBytes: 4000 }, (verdict, fake) => {
    assert.match(verdict.kind === 'failed' ? verdict.description : '', /closes every request/);
    assert.is(fake.requests(), 0);
  }));

test('leaves a daemon that does not answer for later', () =>
  on({ ...common, isSilent: true }, (verdict) => {
    assert.match(verdict.kind === 'busy' ? verdict.reason : '', /does not answer/);
  }));

test('does not wait for ever for an end', () =>
  on(
    { ...common, result: 'none' },
    (verdict) => {
      assert.match(verdict.kind === 'failed' ? verdict.description : '', /did not end in time/);
    },
    { timeoutMs: 2_000 },
  ));

all.run();
