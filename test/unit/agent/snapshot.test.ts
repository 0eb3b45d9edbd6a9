// Tests the snapshot of the state: the test writes a state of each phase as facts and reads it
// back. test/property does the same with random states.

import { policy } from '../../../src/agent/backend.ts';
import { historyEntriesMax } from '../../../src/limits.ts';
import { assert, suite } from '../../support/suite.ts';
import {
  asking,
  createLinked,
  ghc,
  install,
  offer,
  open,
  receive,
  settings,
  durableOf,
  settle,
  vim,
} from '../../support/core.ts';
import type { Fact } from '../../../src/agent/backend.ts';
import type { Core } from '../../support/core.ts';

const test = suite('snapshot');

function comesBack(core: Core): readonly Fact[] {
  const facts = policy.snapshot(core.state());
  assert.equal(durableOf(policy.replay(facts)), durableOf(core.state()));
  return facts;
}

const rebooting = { kind: 'reboot-required', description: '' } as const;

test('nothing is little, and comes back as nothing', () => {
  assert.equal(policy.snapshot(policy.initial), [
    { kind: 'counters', nextNumber: 1, nextOrder: 1 },
  ]);
  assert.equal(
    durableOf(policy.replay(policy.snapshot(policy.initial))),
    durableOf(policy.initial),
  );
});

test('each phase comes back', () => {
  comesBack(createLinked(asking, ghc, vim));
  const core = createLinked(settings, ghc, vim);
  comesBack(core);
  open(core, ghc, 3);
  comesBack(core);
  receive(core, ghc, 2, 3);
  comesBack(core);
  receive(core, ghc, 3, 3);
  comesBack(core);
  core.ask({ kind: 'finish', id: ghc });
  comesBack(core);
  const other = createLinked(settings, vim, ghc);
  install(other, ghc);
  comesBack(other);
  other.act({ kind: 'install-ended', id: ghc, verdict: rebooting });
  comesBack(other);
  const settled = createLinked(settings, ghc);
  settle(settled, ghc);
  comesBack(settled);
  settled.ask(offer(ghc));
  comesBack(settled);
  const asked = createLinked(asking, ghc);
  asked.act({ kind: 'consent', id: ghc });
  settle(asked, ghc);
  asked.ask(offer(ghc));
  comesBack(asked);
});

test('the list of packages is owed afterwards as before', () => {
  const core = createLinked(settings);
  core.ask({ kind: 'getpackages' });
  comesBack(core);
  core.act({ kind: 'sent', message: 'packages', id: undefined });
  comesBack(core);
});

test('the size of the last chunk comes back, and is forgotten with the chunk', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 2);
  receive(core, ghc, 2, 2);
  comesBack(core);
  core.act({ kind: 'chunk-corrupt', number: 1, chunkIndex: 2 });
  comesBack(core);
});

test('what was learnt of the backend comes back', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 3);
  receive(core, ghc, 2, 3);
  core.wait(20_000);
  receive(core, ghc, 1, 3);
  assert.is(core.state().server.learned.resume, 'empty');
  comesBack(core);
});

test('a full ledger comes back in its order, and with what is under way', () => {
  const core = createLinked(settings);
  for (let at = 0; at < historyEntriesMax + 5; at++) {
    const id = { name: `p${at}`, version: '1.0.0' };
    settle(core, id, at % 2 === 0);
    core.wait(0);
    core.act({ kind: 'sent', message: 'report', id });
    core.ask({ kind: 'getpackages' });
  }
  install(core, ghc);
  assert.is(core.state().history.size, historyEntriesMax);
  comesBack(core);
});

test('held chunks take a fact a page, however many they are', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 1_000);
  const data = new Uint8Array(65_536);
  for (let chunkIndex = 1; chunkIndex <= 600; chunkIndex++) {
    core.ask({ kind: 'chunk', id: ghc, chunkIndex, data });
  }
  const facts = comesBack(core);
  assert.is(facts.filter(({ kind }) => kind === 'chunk-page').length, 3);
  assert.ok(facts.length < 13);
});

test.run();
