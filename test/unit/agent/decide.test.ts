// Tests the decisions about control requests of a user and about storage events, in every phase.
import { assert, suite } from '../../support/suite.ts';
import {
  asking,
  codes,
  complete,
  createCore,
  createLinked,
  ghc,
  install,
  kinds,
  only,
  open,
  receive,
  settings,
  settle,
  startOf,
  sumOf,
  vim,
} from '../../support/core.ts';
import { sentencesOf } from '../../../src/core/recovery-summary.ts';

const test = suite('decide');
const decline = { kind: 'decline', id: ghc } as const;
const consent = { kind: 'consent', id: ghc } as const;

test('a person who accepts sets the package going', () => {
  const core = createLinked(asking, ghc);
  assert.equal(kinds(core.wait(60_000)), []);
  const { facts } = core.act(consent);
  assert.equal(facts[0], { kind: 'consented', id: ghc, by: 'person' });
  assert.is(core.phase(ghc), 'accepted');
  assert.equal(kinds(core.wait(0)), ['request-start']);
});

test('accepting what nobody offers forgives, and starts nothing', () => {
  const core = createLinked(asking, vim);
  assert.equal(core.act(consent).facts, [{ kind: 'attempts-reset', id: ghc }]);
  assert.is(core.phase(ghc), undefined);
});

test('declining an offer forgets it', () => {
  const core = createLinked(asking, ghc);
  assert.equal(core.act(decline).facts, [{ kind: 'declined', id: ghc }]);
  assert.is(core.phase(ghc), undefined);
});

test('declining what the server may have begun is reported to it, and not begun again', () => {
  const receiving = createLinked(settings, ghc);
  open(receiving, ghc, 3);
  receive(receiving, ghc, 1, 3);
  assert.equal(only(receiving.act(decline).effects, 'discard'), { kind: 'discard', number: 1 });
  const accepted = createLinked(settings, ghc);
  accepted.wait(0);
  accepted.act(decline);
  for (const core of [receiving, accepted]) {
    const phase = core.one(ghc)?.phase;
    assert.is(phase?.kind === 'reporting' && phase.report.code, 'user-declined');
    assert.is(phase?.kind === 'reporting' && phase.report.status, false);
    assert.equal(kinds(core.wait(0)), ['report']);
    core.act({ kind: 'sent', message: 'report', id: ghc });
    assert.equal(kinds(core.ask(startOf(ghc, 3, 'b'.repeat(40))).effects), ['report']);
    assert.is(core.phase(ghc), 'reporting');
  }
});

test('what is being installed, or is reported, cannot be declined any more', () => {
  const installing = createLinked(settings, ghc);
  install(installing, ghc);
  const reporting = createLinked(settings, ghc);
  settle(reporting, ghc);
  for (const core of [installing, reporting, createLinked()]) {
    const decided = core.act(decline);
    assert.equal([decided.facts, decided.effects], [[], []]);
  }
});

test('a chunk that storage refused is said in the log, and comes again', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 3);
  const cause = { code: 'EIO', reason: 'EIO' };
  const refused = { kind: 'chunk-write-failed', number: 1, chunkIndex: 1, ...cause } as const;
  const { facts, effects } = core.act(refused);
  assert.equal([facts, codes(effects)], [[], ['chunk-write-failed']]);
  assert.ok(kinds(core.wait(20_000)).includes('ack'));
});

test('a chunk that rotted is dropped, said so, and asked for at once', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 3);
  receive(core, ghc, 3, 3);
  core.ask({ kind: 'finish', id: ghc });
  const rotten = { kind: 'chunk-corrupt', number: 1, chunkIndex: 2 } as const;
  const { facts, effects } = core.act(rotten);
  assert.equal(facts, [{ kind: 'chunk-removed', number: 1, chunkIndex: 2 }]);
  assert.equal(kinds(effects), ['hash']);
  assert.equal(sentencesOf(core.state()), ['ghc 7.6.2: 1 corrupt chunk removed']);
  const phase = core.one(ghc)?.phase;
  assert.ok(phase?.kind === 'receiving' && !phase.finished);
  assert.equal(kinds(core.wait(0)), ['ack']);
});

test('the checksum may be known before the finish, or after it', () => {
  const early = createLinked(settings, ghc);
  open(early, ghc, 2);
  receive(early, ghc, 2, 2);
  const hashed = { kind: 'hashed', number: 1, sha1: sumOf(2) } as const;
  assert.equal(kinds(early.act(hashed).effects), []);
  assert.equal(kinds(early.ask({ kind: 'finish', id: ghc }).effects), ['prepare']);
  const late = createLinked(settings, ghc);
  open(late, ghc, 2);
  assert.equal(kinds(complete(late, ghc, 2).effects), ['prepare']);
});

test('what comes of transfers that are gone is nothing', () => {
  const core = createCore();
  for (const event of [
    { kind: 'hashed', number: 7, sha1: '' },
    { kind: 'chunk-corrupt', number: 7, chunkIndex: 1 },
    { kind: 'sent', message: 'report', id: ghc },
    { kind: 'sent', message: 'start', id: undefined },
    { kind: 'progress', id: ghc, percent: 1 },
    { kind: 'install-ended', id: ghc, verdict: { kind: 'installed', description: '' } },
    { kind: 'checked', id: ghc, ok: true, description: '' },
  ] as const) {
    const { writes, facts, notes, effects } = core.act(event);
    assert.equal([writes, facts, notes, effects], [[], [], [], []], event.kind);
  }
});

test.run();
