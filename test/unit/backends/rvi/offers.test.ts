// Tests repeated offers, offers that the agent cannot receive, and the consent of a user, one event
// at a time.

import { policy } from '../../../../src/agent/backend.ts';
import { chunkBytes, chunksCountMax } from '../../../../src/limits.ts';
import { decodeRequest } from '../../../../src/backends/rvi/codec/sota.ts';
import { assert, suite } from '../../../support/suite.ts';
import {
  asking,
  codes,
  createCore,
  createLinked,
  ghc,
  hints,
  kinds,
  numberIn,
  offer,
  offerUpdate,
  open,
  settings,
  settle,
  startOf,
  updateOf,
} from '../../../support/core.ts';
import type { Core, Notify } from '../../../support/core.ts';

const test = suite('offers');

const sized = (notify: Notify, sizeBytes: number): Notify => ({
  ...notify,
  offers: notify.offers.map((one) => ({ ...one, sizeBytes })),
});

function reportOf(core: Core) {
  const phase = core.one(ghc)?.phase;
  return phase?.kind === 'reporting' ? phase.report : undefined;
}

test('a new offer brings its size and its words, in each phase before the transfer', () => {
  const again = sized(offerUpdate(ghc, true), 5_000);
  const reporting = createLinked(settings, ghc);
  settle(reporting, ghc);
  const offered = createLinked();
  offered.ask(offerUpdate(ghc, true));
  for (const core of [createLinked(asking, ghc), createLinked(settings, ghc), reporting, offered]) {
    core.ask(again);
    for (const state of [
      core.state(),
      policy.replay(core.facts),
      policy.replay(policy.snapshot(core.state())),
    ]) {
      const one = createCore(settings, state).one(ghc);
      assert.equal([one?.sizeBytes, one?.update], [5_000, updateOf(true)], one?.phase.kind);
    }
  }
});

test('what is offered again while its report is owed can be declined, and the report stays', () => {
  for (const own of [settings, asking]) {
    const core = createLinked(own, ghc);
    core.act({ kind: 'consent', id: ghc });
    settle(core, ghc);
    core.ask(offer(ghc));
    assert.equal(core.act({ kind: 'decline', id: ghc }).facts, [{ kind: 'declined', id: ghc }]);
    assert.ok(reportOf(core)?.status);
    core.act({ kind: 'sent', message: 'report', id: ghc });
    core.ask({ kind: 'getpackages' });
    assert.is(core.phase(ghc), undefined);
  }
});

test('a person who declines what the server has started lets it go', () => {
  const core = createLinked(asking);
  core.ask(startOf(ghc, 3));
  const { effects } = core.act({ kind: 'decline', id: ghc });
  assert.ok(kinds(effects).includes('ack'));
  assert.is(reportOf(core)?.code, 'user-declined');
});

test('accept starts at once what the server has started, also after a restart', () => {
  const core = createLinked(asking);
  core.ask(startOf(ghc, 3));
  for (const state of [
    core.state(),
    policy.replay(core.facts),
    policy.replay(policy.snapshot(core.state())),
  ]) {
    const later = createCore(asking, state);
    const accepted = later.act({ kind: 'consent', id: ghc });
    later.act({ kind: 'reserved', start: startOf(ghc, 3), number: numberIn(accepted) });
    assert.is(later.phase(ghc), 'receiving');
  }
});

test('another payload after the outcome needs consent again', () => {
  const core = createLinked(asking, ghc);
  core.act({ kind: 'consent', id: ghc });
  settle(core, ghc);
  core.wait(500);
  core.act({ kind: 'sent', message: 'report', id: ghc });
  const decided = core.ask(startOf(ghc, 3, 'b'.repeat(40)));
  assert.equal(kinds(decided.effects), []);
  assert.is(core.phase(ghc), 'offered');
});

test('a wish for confirmation that comes after the start stops the transfer', () => {
  const core = createLinked();
  open(core, ghc, 3);
  const decided = core.ask(offerUpdate(ghc, true));
  assert.ok(kinds(decided.effects).includes('discard'));
  assert.is(core.phase(ghc), 'offered');
  const byPerson = createLinked();
  byPerson.ask(offerUpdate(ghc, true));
  byPerson.act({ kind: 'consent', id: ghc });
  open(byPerson, ghc, 3);
  byPerson.ask(offerUpdate(ghc, true));
  assert.is(byPerson.phase(ghc), 'receiving');
});

test('an update that is too large is reported at the offer, and never asked for', () => {
  for (const own of [settings, asking]) {
    const core = createLinked(own);
    core.ask(sized(offerUpdate(ghc), chunksCountMax * chunkBytes + 1));
    assert.match(reportOf(core)?.description ?? '', /too large: 2147483649 bytes/);
    const effects = core.wait(200_000_000);
    assert.ok(kinds(effects).includes('report'));
    assert.not.ok(kinds(effects).includes('request-start'));
  }
  const whole = createLinked();
  whole.ask(sized(offerUpdate(ghc), chunksCountMax * chunkBytes));
  assert.is(whole.phase(ghc), 'accepted');
});

test('the size of a package may include its dependencies: there the start decides', () => {
  const core = createLinked();
  core.ask(sized(offer(ghc), chunksCountMax * chunkBytes + 1));
  assert.is(core.phase(ghc), 'accepted');
  const body = { package: ghc, checksum: 'a'.repeat(40) };
  for (const malformed of [
    { ...body, chunkscount: 'many' },
    { ...body, chunkscount: -1 },
    { ...body, chunkscount: 1.5 },
    { ...body, chunkscount: 1, checksum: 'md5' },
    { ...body, chunkscount: chunksCountMax + 1, checksum: 'md5' },
  ]) {
    const read = decodeRequest('start', malformed, hints);
    assert.ok(!read.ok && read.start === undefined, JSON.stringify(malformed));
  }
  for (const wrong of [
    { ...body, chunkscount: chunksCountMax + 1 },
    { ...body, chunkscount: Number.MAX_SAFE_INTEGER },
  ]) {
    const read = decodeRequest('start', wrong, hints);
    assert.ok(!read.ok);
    if (read.ok) continue;
    assert.equal(read.start, ghc);
    const one = createCore(settings, core.state());
    const { reason } = read;
    const decided = one.ask({ kind: 'unusable-start', id: ghc, reason });
    assert.ok(codes(decided.effects).includes('start-unusable'));
    assert.match(reportOf(one)?.description ?? '', reason);
    assert.not.ok(kinds(one.wait(200_000_000)).includes('request-start'));
  }
});

test('an unusable start of what is received, or unknown, changes nothing', () => {
  const core = createLinked();
  const unusable = { kind: 'unusable-start', id: ghc, reason: 'x' } as const;
  assert.equal(core.ask(unusable).facts, []);
  open(core, ghc, 3);
  assert.equal(core.ask(unusable).facts, []);
});

test('a file that is too large for the device is final; other trouble may pass', () => {
  const start = startOf(ghc, 3);
  for (const [code, wanted] of [
    ['EFBIG', 'general-error'],
    ['ENOSPC', 'disk-full'],
    ['EDQUOT', 'disk-full'],
    ['EIO', undefined],
  ] as const) {
    const core = createLinked(settings, ghc);
    const number = numberIn(core.ask(start));
    core.act({ kind: 'not-reserved', start, number, code, reason: code });
    assert.is(reportOf(core)?.code, wanted, code);
  }
  for (const [code, phase] of [
    ['EFBIG', 'reporting'],
    ['ENOSPC', 'receiving'],
    ['EIO', 'receiving'],
  ] as const) {
    const core = createLinked(settings, ghc);
    open(core, ghc, 3);
    core.act({ kind: 'chunk-write-failed', number: 1, chunkIndex: 1, code, reason: code });
    assert.is(core.phase(ghc), phase, code);
  }
});

test.run();
