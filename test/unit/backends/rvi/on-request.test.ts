// Tests requests of the server one at a time, against the policy without an event loop: notify,
// start, finish, abort and getpackages in every phase of a package.

import { policy } from '../../../../src/agent/backend.ts';
import { keyOf } from '../../../../src/core/decision-helpers.ts';

import { backendsMax, packagesMax, transfersMax } from '../../../../src/limits.ts';
import { assert, suite } from '../../../support/suite.ts';
import {
  asking,
  backend,
  chunkOf,
  codes,
  complete,
  createCore,
  createLinked,
  ghc,
  install,
  kinds,
  link,
  numberIn,
  offer,
  offerUpdate,
  only,
  open,
  receive,
  settings,
  settle,
  startOf,
  transferNumber,
  updateOf,
  vim,
  withParts,
} from '../../../support/core.ts';
import type { Core } from '../../../support/core.ts';

const test = suite('on-request');
const other = 'b'.repeat(40);
const many = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ name: `p${at}`, version: '1.0.0' }));

/** Creates a package in each phase in the shortest way. */
const phases: { readonly [phase: string]: () => Core } = {
  offered: () => createLinked(asking, ghc),
  accepted: () => createLinked(settings, ghc),
  receiving: () => {
    const core = createLinked(settings, ghc);
    open(core, ghc, 3);
    receive(core, ghc, 1, 3);
    return core;
  },
  installing: () => {
    const core = createLinked(settings, ghc);
    install(core, ghc);
    return core;
  },
  rebooting: () => {
    const core = createLinked(settings, ghc);
    install(core, ghc);
    const verdict = { kind: 'reboot-required', description: '' } as const;
    core.act({ kind: 'install-ended', id: ghc, verdict });
    return core;
  },
  reporting: () => {
    const core = createLinked(settings, ghc);
    settle(core, ghc);
    return core;
  },
};

// ---------------------------------------------------------------- notify

test('keeps what a notify offers, and its services, before anything follows from it', () => {
  const core = createLinked(asking);
  const decided = core.ask(offer(ghc, vim));
  assert.equal(
    decided.facts.map(({ kind }) => kind),
    ['server-named', 'dialect-learned', 'offered', 'offered'],
  );
  assert.equal(kinds(decided.effects), []);
  assert.equal(core.state().server.services, backend);
});

test('consents by itself where nobody is to be asked', () => {
  const core = createLinked(settings, ghc);
  assert.is(core.phase(ghc), 'accepted');
});

test('asks a person where the server wants that, and goes on asking after a boot', () => {
  const core = createLinked();
  const { effects } = core.ask(offerUpdate(ghc, true));
  assert.equal(only(effects, 'log')?.fields['isAsked'], true);
  assert.is(core.phase(ghc), 'offered');
  assert.equal(
    core.wait(60_000).filter(({ kind }) => kind !== 'register'),
    [],
  );
  const later = createCore(settings, policy.replay(core.facts));
  later.act({ kind: 'booted', bootId: 'b', payloads: [] });
  assert.is(later.phase(ghc), 'offered');
  assert.equal(later.one(ghc)?.update, updateOf(true));
  later.act({ kind: 'consent', id: ghc });
  assert.is(later.phase(ghc), 'accepted');
  assert.is(createLinked(asking).ask(offerUpdate(ghc)).facts.length, 3, 'no consent by itself');
});

test('keeps the signature that came last, through boots and a rewritten journal', () => {
  const core = createLinked();
  core.ask(offerUpdate(ghc));
  assert.is(core.state().server.dialect, 'P3');
  open(core, ghc, 1);
  receive(core, ghc, 1, 1);
  core.ask({ kind: 'finish', id: ghc, signature: 'second' });
  const signed = { ...updateOf(false), signature: 'second' };
  for (const facts of [core.facts, policy.snapshot(core.state())]) {
    const state = policy.replay(facts);
    assert.equal(
      [...state.core.packages.values()].map(({ update }) => update),
      [signed],
    );
    assert.is(state.backend.server.dialect, 'P3');
  }
});

test('a finish without a signature leaves the one of the notify, and one of P1 makes none', () => {
  for (const [notify, wanted] of [
    [offerUpdate(ghc), updateOf(false)],
    [offer(ghc), undefined],
  ] as const) {
    const core = createLinked();
    core.ask(notify);
    open(core, ghc, 1);
    receive(core, ghc, 1, 1);
    core.ask({ kind: 'finish', id: ghc, ...(wanted === undefined ? { signature: 's' } : {}) });
    assert.equal(core.one(ghc)?.update, wanted);
  }
});

test('learns how a backend speaks where no notify could tell, and only once', () => {
  const core = createLinked();
  core.ask({ ...offerUpdate(ghc), dialect: undefined });
  assert.is(core.state().server.dialect, undefined);
  core.act({ kind: 'dialect-used', dialect: 'P2' });
  assert.is(core.state().server.dialect, 'P2');
  assert.equal(core.act({ kind: 'dialect-used', dialect: 'P3' }).facts, []);
  assert.equal(core.ask(offer(vim)).facts[0], { kind: 'dialect-learned', dialect: 'P1' });
});

test('takes a notify that comes twice once', () => {
  for (const [phase, make] of Object.entries(phases)) {
    const core = make();
    const { facts } = core.ask(offer(ghc));
    if (phase === 'reporting') continue;
    assert.equal(facts, [], phase);
    assert.is(core.phase(ghc), phase);
  }
});

test('remembers an offer that comes while the report of the last one is owed', () => {
  const core = phases['reporting']?.() ?? createCore();
  core.ask(offer(ghc));
  assert.is(core.phase(ghc), 'reporting');
  core.act({ kind: 'sent', message: 'report', id: ghc });
  core.ask({ kind: 'getpackages' });
  assert.is(core.phase(ghc), 'accepted');
});

test('is an offer again if the report is confirmed and the offer has no consent', () => {
  const core = createLinked(asking, ghc);
  core.act({ kind: 'consent', id: ghc });
  settle(core, ghc);
  core.ask(offer(ghc));
  core.act({ kind: 'sent', message: 'report', id: ghc });
  core.ask({ kind: 'getpackages' });
  assert.is(core.phase(ghc), 'offered');
});

test('what was learnt of a backend is of that one, and comes back with its name', () => {
  const core = createLinked(settings, ghc);
  const moved = { ...backend, ack: 'elsewhere/sota/ack' };
  const state = core.state();
  const server = {
    services: backend,
    dialect: 'P1',
    hasNoInstallTimeout: false,
    learned: { 'after-start': 'empty', resume: 'start', ack: 'full' },
  } as const;
  const taught = createCore(settings, withParts(state, { server }));
  taught.ask({ ...offer(), services: backend });
  assert.is(taught.state().server.learned.resume, 'start');
  taught.ask({ ...offer(), services: moved });
  assert.equal(taught.state().server, {
    services: moved,
    dialect: 'P1',
    hasNoInstallTimeout: false,
    learned: { 'after-start': undefined, resume: undefined, ack: undefined },
  });
  assert.equal(
    taught.state().previousServers.map(({ services }) => services),
    [backend],
  );
  const again = { ...taught.state(), link: state.link };
  for (const from of [again, policy.replay(policy.snapshot(again))]) {
    const core = createCore(settings, from);
    core.ask({ ...offer(), services: backend });
    assert.equal(core.state().server, {
      services: backend,
      dialect: 'P1',
      hasNoInstallTimeout: false,
      learned: { 'after-start': 'empty', resume: 'start', ack: 'full' },
    });
    assert.equal(
      core.state().previousServers.map(({ services }) => services),
      [moved],
    );
  }
});

test('remembers a bounded number of backends, the last ones', () => {
  const core = createLinked();
  const named = (at: number) => ({ ...backend, ack: `${at}/sota/ack` });
  for (let at = 0; at < backendsMax + 3; at++) core.ask({ ...offer(), services: named(at) });
  const { previousServers } = core.state();
  assert.is(previousServers.length, backendsMax);
  assert.equal(previousServers.at(0)?.services, named(2));
  assert.equal(policy.replay(core.facts).backend.previousServers, previousServers);
  assert.equal(
    policy.replay(policy.snapshot(core.state())).backend.previousServers,
    previousServers,
  );
});

test('leaves out offers beyond the bound, and says which', () => {
  const core = createLinked(settings, ...many(packagesMax + 2));
  assert.is(core.state().packages.size, packagesMax);
  assert.equal(codes(core.ask(offer(ghc)).effects), ['package-limit']);
});

test('says of each entry of a notify why it was left out', () => {
  const core = createLinked();
  const refused = ['packages[0].package: an object is needed'];
  const decided = core.ask({ ...offer(), refused, services: undefined });
  assert.equal(codes(decided.effects), ['offer-invalid']);
});

// ---------------------------------------------------------------- start

test('makes room before it acks a start, and acks [] when there is', () => {
  const core = createLinked(settings, ghc);
  const decided = core.ask(startOf(ghc, 3));
  assert.equal(kinds(decided.effects), ['reserve']);
  const opened = core.act({ kind: 'reserved', start: startOf(ghc, 3), number: 1 });
  assert.equal(
    opened.facts.map(({ kind }) => kind),
    ['transfer-started'],
  );
  assert.is(only(opened.effects, 'ack')?.empty, true);
});

test('waits for the room it is making when the same start comes twice', () => {
  const core = createLinked(settings, ghc);
  core.ask(startOf(ghc, 3));
  assert.equal(kinds(core.ask(startOf(ghc, 3)).effects), []);
});

test('makes room for the newer start when another file is announced meanwhile', () => {
  const core = createLinked(settings, ghc);
  const first = numberIn(core.ask(startOf(ghc, 3)));
  const second = numberIn(core.ask(startOf(ghc, 2, other)));
  assert.is.not(second, 0);
  const late = core.act({ kind: 'reserved', start: startOf(ghc, 3), number: first });
  assert.equal(late.effects, [{ kind: 'discard', number: first }]);
  core.act({ kind: 'reserved', start: startOf(ghc, 2, other), number: second });
  const phase = core.one(ghc)?.phase;
  assert.is(phase?.kind === 'receiving' && phase.transfer.checksum, other);
});

test('keeps what it holds when the same file is started again', () => {
  const core = phases['receiving']?.() ?? createCore();
  const decided = core.ask(startOf(ghc, 3));
  assert.equal(decided.facts, []);
  assert.equal(only(decided.effects, 'ack'), { kind: 'ack', id: ghc, empty: false });
  assert.is(core.running(ghc).context, 'after-start');
});

test('begins again when the file has another checksum, or another count', () => {
  for (const start of [startOf(ghc, 3, other), startOf(ghc, 4, startOf(ghc, 3).checksum)]) {
    const core = phases['receiving']?.() ?? createCore();
    const decided = core.ask(start);
    assert.equal(decided.facts, [{ kind: 'transfer-discarded', id: ghc }]);
    assert.equal(kinds(decided.effects), ['discard', 'reserve']);
    core.act({ kind: 'reserved', start, number: numberIn(decided) });
    const phase = core.one(ghc)?.phase;
    assert.is(phase?.kind === 'receiving' && phase.transfer.chunks.count, 0);
    assert.is(phase?.kind === 'receiving' && phase.transfer.checksum, start.checksum);
  }
});

test('replaces a transfer also when all places are taken: its own is free', () => {
  const ids = many(transfersMax);
  const core = createLinked(settings, ...ids);
  for (const id of ids) open(core, id, 3);
  const [first = ghc] = ids;
  assert.equal(kinds(core.ask(startOf(first, 3, other)).effects), ['discard', 'reserve']);
});

test('takes no more transfers than it has places, and says so', () => {
  const ids = many(transfersMax + 1);
  const core = createLinked(settings, ...ids);
  const decided = ids.map((id) => core.ask(startOf(id, 3)));
  assert.equal(decided.map(({ effects }) => kinds(effects)).at(-1), []);
  assert.equal(codes(decided.at(-1)?.effects ?? []), ['download-limit']);
  assert.is(core.state().counters.refused, 1);
});

test('takes a dependency that was in no notify', () => {
  const core = createLinked(settings, ghc);
  open(core, vim, 2);
  assert.is(core.phase(vim), 'receiving');
});

test('offers what nobody accepted, whatever is under way; dependencies only where allowed', () => {
  const accepting = { ...asking, policy: { consent: 'required', dependencies: 'accept' } } as const;
  const lonely = createLinked(accepting, ghc);
  lonely.ask(startOf(vim, 2));
  assert.is(lonely.phase(vim), 'offered', 'nothing needs it');
  for (const phase of ['accepted', 'receiving', 'installing', 'rebooting', 'reporting']) {
    const { packages } = (phases[phase]?.() ?? createCore()).state();
    for (const [own, effects, wanted] of [
      [asking, [], 'offered'],
      [accepting, ['reserve'], 'accepted'],
    ] as const) {
      const core = createCore(own, withParts(createLinked(own).state(), { packages }));
      assert.equal(kinds(core.ask(startOf(vim, 2)).effects), effects, phase);
      assert.is(core.phase(vim), wanted, phase);
      const update = { name: 'update', version: '' };
      assert.equal(kinds(core.ask(startOf(update, 2)).effects), [], 'no update is a dependency');
      assert.is(core.phase(update), 'offered');
    }
  }
});

test('starts nothing that waits for consent', () => {
  const core = createLinked(asking, ghc);
  assert.equal(codes(core.ask(startOf(ghc, 2)).effects), ['start-without-consent']);
  assert.is(core.phase(ghc), 'offered');
});

test('knows a bounded number of packages, also of those that nobody offered', () => {
  const core = createLinked(settings, ...many(packagesMax));
  const decided = core.ask(startOf(ghc, 2));
  assert.equal(codes(decided.effects), ['package-limit']);
  assert.is(core.state().packages.size, packagesMax);
});

test('starts nothing while it installs', () => {
  for (const phase of ['installing', 'rebooting']) {
    const core = phases[phase]?.() ?? createCore();
    assert.equal(codes(core.ask(startOf(ghc, 2)).effects), ['start-ignored']);
    assert.is(core.phase(ghc), phase);
  }
});

test('answers a start of what it has just installed with the report, not a download', () => {
  const core = phases['reporting']?.() ?? createCore();
  assert.equal(codes(core.ask(startOf(ghc, 2)).effects), ['start-ignored']);
  core.wait(500);
  core.act({ kind: 'sent', message: 'report', id: ghc });
  const again = core.ask(startOf(ghc, 2));
  assert.equal(kinds(again.effects), ['report']);
  assert.equal(again.facts, []);
  assert.is(core.phase(ghc), 'reporting');
});

test('takes another file that is started after the report', () => {
  const core = phases['reporting']?.() ?? createCore();
  core.wait(500);
  core.act({ kind: 'sent', message: 'report', id: ghc });
  open(core, ghc, 3, other);
  assert.is(core.phase(ghc), 'receiving');
});

test('a full disk at the restart of a settled package leaves it able to start later', () => {
  const core = phases['reporting']?.() ?? createCore();
  core.wait(500);
  core.act({ kind: 'sent', message: 'report', id: ghc });
  const start = startOf(ghc, 3, other);
  const number = numberIn(core.ask(start));
  core.act({ kind: 'not-reserved', start, number, code: 'ENOSPC', reason: 'full' });
  const phase = core.one(ghc)?.phase;
  assert.is(phase?.kind === 'reporting' && phase.report.code, 'disk-full');
  assert.is(core.running(ghc).activity, undefined);
  assert.is(core.running(ghc).sentAtMs, undefined);
  core.wait(500);
  core.act({ kind: 'sent', message: 'report', id: ghc });
  assert.equal(kinds(core.ask(start).effects), ['reserve']);
});

test('reports a full disk, and asks again after other trouble of the disk', () => {
  const full = createLinked(settings, ghc);
  const start = startOf(ghc, 3);
  const number = numberIn(full.ask(start));
  const notReserved = { kind: 'not-reserved', start, number, reason: '' } as const;
  full.act({ ...notReserved, code: 'ENOSPC' });
  const phase = full.one(ghc)?.phase;
  assert.is(phase?.kind === 'reporting' && phase.report.code, 'disk-full');
  const broken = createLinked(settings, ghc);
  broken.ask(start);
  broken.act({ ...notReserved, code: 'EIO' });
  assert.is(broken.phase(ghc), 'accepted');
  assert.equal(kinds(broken.wait(60_000))[0], 'request-start');
});

// ---------------------------------------------------------------- finish

test('takes a finish once, and acks nothing any more', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 2);
  receive(core, ghc, 2, 2);
  const { facts, effects } = core.ask({ kind: 'finish', id: ghc });
  assert.equal(facts, [{ kind: 'transfer-complete', number: 1 }]);
  assert.equal(kinds(effects), []);
  const again = core.ask({ kind: 'finish', id: ghc });
  assert.equal([again.facts, again.effects], [[], []]);
  assert.equal(kinds(core.ask(startOf(ghc, 2)).effects), []);
  const later = kinds(core.wait(120_000));
  assert.ok(
    later.every((kind) => kind === 'progress-ack'),
    later.join(),
  );
});

test('says at once what is missing when the finish comes before the last chunk', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 3);
  receive(core, ghc, 2, 3);
  const decided = core.ask({ kind: 'finish', id: ghc });
  assert.equal(codes(decided.effects), ['finish-incomplete']);
  assert.equal(only(decided.effects, 'ack'), { kind: 'ack', id: ghc, empty: false });
  core.ask(chunkOf(ghc, 3, 3));
  core.wait(30_500);
  const phase = core.one(ghc)?.phase;
  assert.ok(phase?.kind === 'receiving' && phase.finished);
});

test('ignores a finish of what is not received', () => {
  for (const [phase, make] of Object.entries(phases)) {
    if (phase === 'receiving') continue;
    const core = make();
    const { facts, effects } = core.ask({ kind: 'finish', id: ghc });
    assert.equal([facts, kinds(effects)], [[], []], phase);
  }
});

// ---------------------------------------------------------------- abort

test('an abort of nothing in particular ends transfers, and nothing else', () => {
  for (const [phase, make] of Object.entries(phases)) {
    const core = make();
    const number = transferNumber(core, ghc);
    const { facts, effects } = core.ask({ kind: 'abort', id: undefined });
    if (phase === 'receiving') {
      assert.equal(facts, [{ kind: 'aborted', id: ghc }]);
      assert.equal(only(effects, 'discard'), { kind: 'discard', number });
      assert.is(core.phase(ghc), undefined);
    } else {
      assert.equal([facts, kinds(effects)], [[], []], phase);
      assert.is(core.phase(ghc), phase);
    }
  }
});

test('an abort that comes while room is made ends the transfer before it began', () => {
  const core = createLinked(settings, ghc);
  const start = startOf(ghc, 3);
  const number = numberIn(core.ask(start));
  assert.equal(core.ask({ kind: 'abort', id: undefined }).facts, [{ kind: 'aborted', id: ghc }]);
  const late = core.act({ kind: 'reserved', start, number });
  assert.equal(late.effects, [{ kind: 'discard', number }]);
  assert.is(core.phase(ghc), undefined);
});

test('room that was made for an aborted transfer is not taken for the next one', () => {
  const core = createLinked(settings, ghc);
  const first = numberIn(core.ask(startOf(ghc, 3)));
  core.ask({ kind: 'abort', id: undefined });
  core.ask(offer(ghc));
  const second = numberIn(core.ask(startOf(ghc, 2, other)));
  core.act({ kind: 'reserved', start: startOf(ghc, 3), number: first });
  assert.is(core.phase(ghc), 'accepted');
  core.act({ kind: 'reserved', start: startOf(ghc, 2, other), number: second });
  assert.is(transferNumber(core, ghc), second);
});

test('an abort of one package leaves the others', () => {
  const core = createLinked(settings, ghc, vim);
  open(core, ghc, 3);
  open(core, vim, 3);
  core.ask({ kind: 'abort', id: vim });
  assert.equal([core.phase(ghc), core.phase(vim)], ['receiving', undefined]);
});

test('an abort of one package also ends the wish for it', () => {
  for (const phase of ['offered', 'accepted']) {
    const core = phases[phase]?.() ?? createCore();
    core.ask({ kind: 'abort', id: ghc });
    assert.is(core.phase(ghc), undefined);
  }
});

test('an abort while the installer gets ready ends the transfer; its answer is too late', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 2);
  complete(core, ghc, 2);
  const number = transferNumber(core, ghc);
  core.ask({ kind: 'abort', id: undefined });
  const late = core.act({ kind: 'prepared', id: ghc, number, installer: 'opkg', before: '' });
  assert.equal([late.facts, late.effects], [[], []]);
});

// ---------------------------------------------------------------- getpackages

test('answers getpackages in every phase', () => {
  for (const make of Object.values(phases)) {
    const core = make();
    assert.equal(kinds(core.ask({ kind: 'getpackages' }).effects), ['list-inventory']);
    const packages = [{ name: 'base', version: '1.0.0' }];
    const listed = core.act({ kind: 'inventory-listed', packages });
    assert.equal(listed.effects, [{ kind: 'send-inventory', packages }]);
    assert.is.not(core.state().inventoryRequest, undefined);
    core.act({ kind: 'sent', message: 'packages', id: undefined });
    assert.is(core.state().inventoryRequest, undefined);
  }
});

test('owes the list across a boot, until the node took it', () => {
  const core = createLinked(settings, ghc);
  core.ask({ kind: 'getpackages' });
  const booted = createCore(settings, policy.replay(policy.snapshot(core.state())));
  assert.equal(kinds(booted.wait(500)), []);
  link(booted);
  assert.equal(kinds(booted.wait(500)).filter((kind) => kind === 'list-inventory').length, 1);
  booted.act({ kind: 'sent', message: 'packages', id: undefined });
  assert.is(policy.replay(policy.snapshot(booted.state())).backend.inventoryRequest, undefined);
  assert.equal(booted.act({ kind: 'sent', message: 'packages', id: undefined }).facts, []);
});

test('takes getpackages for proof of a report that was sent, and of no other', () => {
  const core = createLinked(settings, ghc, vim);
  settle(core, ghc);
  core.ask({ kind: 'getpackages' });
  assert.is(core.phase(ghc), 'reporting');
  core.wait(500);
  core.act({ kind: 'sent', message: 'report', id: ghc });
  assert.equal(core.ask({ kind: 'getpackages' }).facts, [{ kind: 'report-confirmed', id: ghc }]);
  assert.is(core.phase(ghc), undefined);
});

test('only logs which services come and go', () => {
  for (const kind of ['services-available', 'services-unavailable'] as const) {
    const core = createLinked(settings, ghc);
    const before = core.state();
    assert.equal(codes(core.ask({ kind, services: ['a', 'b'] }).effects), [kind]);
    assert.equal(core.state().packages.get(keyOf(ghc)), before.packages.get(keyOf(ghc)));
  }
});

test.run();
