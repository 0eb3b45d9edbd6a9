// Tests recovery after a restart: the table with each combination of phase and evidence, and each
// row with a boot from the facts of an earlier run.

import { policy } from '../../../src/agent/backend.ts';
import { rowOf } from '../../../src/core/recover.ts';
import { chunkBytes } from '../../../src/limits.ts';
import { assert, suite } from '../../support/suite.ts';
import {
  asking,
  createCore,
  createLinked,
  ghc,
  install,
  kinds,
  lastBytes,
  link,
  open,
  receive,
  settings,
  settle,
  sumOf,
} from '../../support/core.ts';
import { sentencesOf } from '../../../src/core/recovery-summary.ts';
import type { Core } from '../../support/core.ts';

const test = suite('recover');
const whole = [{ number: 1, dataBytes: 1e9 }];

function boot(before: Core, payloads: readonly { number: number; dataBytes: number }[] = whole) {
  const core = createCore(settings, policy.replay(before.facts));
  core.act({ kind: 'booted', bootId: 'boot-2', payloads });
  return core;
}

function holding(upTo: number, count = 3): Core {
  const core = createLinked(settings, ghc);
  open(core, ghc, count);
  receive(core, ghc, upTo, count);
  return core;
}

test('each combination of phase and evidence has the one row that is written here', () => {
  const table: { readonly [phase: string]: (d: boolean, s: boolean, a: boolean) => string } = {
    offered: (_, __, isAuto) => (isAuto ? 'consent' : 'wait-for-consent'),
    accepted: () => 'request-start',
    receiving: (isDataThere) => (isDataThere ? 'resume' : 'receive-again'),
    installing: (isDataThere) => (isDataThere ? 'probe' : 'probe-without-data'),
    rebooting: (_, isSameBoot) => (isSameBoot ? 'reboot-again' : 'check-health'),
    reporting: () => 'report',
  };
  const phases = [
    'offered',
    'accepted',
    'receiving',
    'installing',
    'rebooting',
    'reporting',
  ] as const;
  assert.equal(Object.keys(table), [...phases]);
  for (const phase of phases) {
    for (let bits = 0; bits < 8; bits++) {
      const isDataThere = (bits & 1) === 1;
      const isSameBoot = (bits & 2) === 2;
      const isAuto = (bits & 4) === 4;
      const row = rowOf(phase, { isDataThere, isSameBoot, isAuto });
      assert.is(row, table[phase]?.(isDataThere, isSameBoot, isAuto), `${phase} ${bits}`);
    }
  }
});

test('a transfer goes on where it stood, and says what it holds before it has hashed it', () => {
  const core = boot(holding(2));
  assert.equal(sentencesOf(core.state()), ['ghc 7.6.2: 2 of 3 chunks stored']);
  link(core);
  const said = core.wait(0).filter(({ kind }) => kind !== 'log');
  assert.equal(said, [{ kind: 'ack', id: ghc, empty: false }]);
});

test('says in one sentence what the cut left, rotten chunks counted, long counts in threes', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 4_096);
  for (let index = 1; index <= 1_203; index++) {
    core.ask({ kind: 'chunk', id: ghc, chunkIndex: index, data: new Uint8Array(chunkBytes) });
  }
  const after = boot(core, [{ number: 1, dataBytes: 4_096 * chunkBytes }]);
  assert.equal(sentencesOf(after.state()), ['ghc 7.6.2: 1 203 of 4 096 chunks stored']);
  const decided = after.act({ kind: 'chunk-corrupt', number: 1, chunkIndex: 7 });
  const what = 'ghc 7.6.2: 1 203 of 4 096 chunks stored; 1 corrupt chunk removed';
  assert.equal(sentencesOf(after.state()), [what]);
  assert.ok(decided.effects.some((one) => one.kind === 'log' && one.fields['what'] === what));
  after.act({ kind: 'chunk-corrupt', number: 1, chunkIndex: 8 });
  assert.match(sentencesOf(after.state()).join(), /; 2 corrupt chunks removed$/);
});

test('a file shorter than what was acknowledged is no file', () => {
  const enough = 2 * chunkBytes + lastBytes;
  assert.is(boot(holding(3), [{ number: 1, dataBytes: enough }]).phase(ghc), 'receiving');
  assert.is(boot(holding(3), [{ number: 1, dataBytes: enough - 1 }]).phase(ghc), 'accepted');
  assert.is(boot(holding(2), [{ number: 1, dataBytes: 2 * chunkBytes }]).phase(ghc), 'receiving');
  assert.is(boot(holding(2), [{ number: 1, dataBytes: 0 }]).phase(ghc), 'accepted');
  assert.is(boot(holding(0), [{ number: 1, dataBytes: 0 }]).phase(ghc), 'receiving');
  assert.is(boot(holding(2), []).phase(ghc), 'accepted');
});

test('also of many pages the last chunk that is held tells how long it must be', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 1_000);
  for (const index of [1, 256, 257, 600]) {
    const data = new Uint8Array(chunkBytes);
    core.ask({ kind: 'chunk', id: ghc, chunkIndex: index, data });
  }
  const dataBytes = 600 * chunkBytes;
  assert.is(boot(core, [{ number: 1, dataBytes }]).phase(ghc), 'receiving');
  assert.is(boot(core, [{ number: 1, dataBytes: dataBytes - 1 }]).phase(ghc), 'accepted');
});

test('what lost its data is asked for again, and said so', () => {
  const core = createCore(settings, policy.replay(holding(2).facts));
  const decided = core.act({ kind: 'booted', bootId: 'boot-2', payloads: [] });
  assert.equal(kinds(decided.effects), ['discard']);
  const told = ['ghc 7.6.2: data file lost; the agent receives it again'];
  assert.equal(sentencesOf(core.state()), told);
  link(core);
  assert.equal(kinds(core.wait(0)), ['request-start']);
});

test('a finished transfer is hashed again before it is installed', () => {
  const before = holding(3);
  before.ask({ kind: 'finish', id: ghc });
  const core = boot(before);
  link(core);
  const others = ['register', 'progress-ack'];
  assert.equal(
    kinds(core.wait(600_000)).filter((kind) => !others.includes(kind)),
    [],
  );
  const { effects } = core.act({ kind: 'hashed', number: 1, sha1: sumOf(3) });
  assert.equal(kinds(effects), ['prepare']);
});

test('all chunks but no finish: after its time it goes on as if that had come', () => {
  const core = boot(holding(3));
  core.act({ kind: 'hashed', number: 1, sha1: sumOf(3) });
  assert.equal(kinds(core.wait(settings.rvi.finishTimeoutMs)), ['prepare']);
});

test('a report is owed as before, and said when the link is there', () => {
  const before = createLinked(settings, ghc);
  settle(before, ghc);
  const core = boot(before, []);
  assert.equal(core.wait(1_000), []);
  link(core);
  assert.equal(kinds(core.wait(0)), ['report']);
});

test('consent that is not needed any more is given', () => {
  const core = boot(createLinked(asking, ghc), []);
  assert.is(core.phase(ghc), 'accepted');
  const still = createCore(asking, createLinked(asking, ghc).state());
  still.act({ kind: 'booted', bootId: 'boot-2', payloads: [] });
  assert.is(still.phase(ghc), 'offered');
});

test('a number that was used is not used again', () => {
  const before = createLinked(settings, ghc);
  install(before, ghc);
  assert.ok(boot(before).state().nextNumber > 1);
});

test.run();
