// Tests packages of two servers at the same time: each package keeps the services, the dialect and
// the learned values of the server that offered it, also after a restart.

import { journalFold } from '../../../../src/agent/journal-fold.ts';
import { policy } from '../../../../src/agent/backend.ts';

import { needsProgressAck } from '../../../../src/backends/rvi/progress-ack.ts';
import { contextOf as hintsOf, servicesOf } from '../../../../src/backends/rvi/destination.ts';
import { encodeBatch, encodeJournal } from '../../../../src/store/journal-codec.ts';
import { packagesMax, recordBytesMax } from '../../../../src/limits.ts';
import { assert, suite } from '../../../support/suite.ts';
import {
  backend,
  chunkOf,
  complete,
  createCore,
  createLinked,
  ghc,
  offer,
  offerUpdate,
  open,
  receive,
  settings,
  settle,
  startOf,
  vim,
} from '../../../support/core.ts';
import { decodeJournal } from '../../../support/decode-journal.ts';
import type { PackageId } from '../../../../src/core/model.ts';
import type { ServerServices } from '../../../../src/backends/rvi/messages.ts';
import type { State } from '../../../../src/agent/backend.ts';

const test = suite('packages of two servers');
const elsewhere: ServerServices = { start: 'a/s', ack: 'a/b', report: 'a/r', packages: 'a/p' };
const offerOf = (id: PackageId) => ({ ...offer(id), services: elsewhere });

function ackOf(state: State, id: PackageId): string {
  return servicesOf(settings, state.backend, id).ack;
}

const everyway = (state: State): readonly State[] => {
  const written = encodeJournal(journalFold, policy.snapshot(state), 1);
  return [
    state,
    policy.replay(policy.snapshot(state)),
    policy.replay(decodeJournal(journalFold, written).facts),
  ];
};

test('another offer leaves the services of every package as they were, in each phase', () => {
  const receiving = createLinked(settings, ghc);
  open(receiving, ghc, 3);
  receive(receiving, ghc, 1, 3);
  const installing = createLinked(settings, ghc);
  open(installing, ghc, 2);
  complete(installing, ghc, 2);
  const reporting = createLinked(settings, ghc);
  settle(reporting, ghc);
  for (const core of [createLinked(settings, ghc), receiving, installing, reporting]) {
    const before = core.phase(ghc);
    core.ask(offerOf(vim));
    for (const state of everyway(core.state())) {
      assert.is(ackOf(state, ghc), backend.ack, before);
      assert.is(ackOf(state, vim), 'a/b', before);
      assert.equal(state.backend.server.services, elsewhere);
    }
    const { facts } = core;
    assert.is(ackOf(policy.replay(facts), ghc), backend.ack, 'the journal as it was written');
  }
});

test('the same package offered by another server moves only while nothing of it came', () => {
  const accepted = createLinked(settings, ghc);
  accepted.ask(offerOf(ghc));
  assert.is(ackOf(accepted.state(), ghc), 'a/b');
  const reserving = createLinked(settings, ghc);
  reserving.ask(startOf(ghc, 3));
  reserving.ask(offerOf(ghc));
  assert.is(ackOf(reserving.state(), ghc), backend.ack);
  const receiving = createLinked(settings, ghc);
  open(receiving, ghc, 3);
  receiving.ask(offerOf(ghc));
  for (const state of everyway(receiving.state())) assert.is(ackOf(state, ghc), backend.ack);
});

test('a report goes to its server, and what is offered again to the new one after that', () => {
  const core = createLinked(settings, ghc);
  settle(core, ghc);
  core.ask(offerOf(ghc));
  for (const state of everyway(core.state())) {
    const later = createCore(settings, state);
    assert.is(ackOf(later.state(), ghc), backend.ack);
    later.act({ kind: 'sent', message: 'report', id: ghc });
    later.ask({ kind: 'getpackages' });
    assert.is(later.phase(ghc), 'accepted');
    assert.is(ackOf(later.state(), ghc), 'a/b');
  }
});

test('the list of packages goes where the proven report went', () => {
  const core = createLinked(settings, ghc);
  settle(core, ghc);
  core.ask(offerOf(vim));
  core.act({ kind: 'sent', message: 'report', id: ghc });
  core.ask({ kind: 'getpackages' });
  for (const state of everyway(core.state()))
    assert.equal(state.backend.inventoryRequest?.services, backend);
});

test('an offer before any server was named keeps the default services', () => {
  const core = createLinked();
  core.ask({ ...offer(ghc), services: undefined });
  core.ask({ ...offer(vim), services: undefined });
  core.ask(offerOf({ name: 'c', version: '1' }));
  core.ask(offerOf(ghc));
  for (const state of everyway(core.state())) {
    assert.is(ackOf(state, ghc), 'a/b', 'offered again');
    assert.is(ackOf(state, vim), backend.ack);
    assert.equal([...state.core.packages.keys()], [...core.state().packages.keys()]);
  }
});

test('dialect, patience and what moves a silent server are of its packages alone', () => {
  const core = createLinked();
  core.ask({ ...offer(ghc), hasNoInstallTimeout: true });
  core.ask({ ...offerUpdate(vim), services: elsewhere });
  const learned = (state: State, id: PackageId) => hintsOf(settings, state.backend, id).learned;
  for (const state of everyway(core.state())) {
    assert.equal([learned(state, ghc), learned(state, vim)], ['P1', 'P3']);
  }
  open(core, ghc, 3);
  receive(core, ghc, 2, 3);
  core.wait(20_000);
  receive(core, ghc, 1, 3);
  const [first] = core.state().previousServers;
  assert.is(first?.learned.resume, 'empty');
  assert.is(core.state().server.learned.resume, undefined);
  assert.equal(policy.replay(core.facts).backend.previousServers, core.state().previousServers);
  receive(core, ghc, 3, 3);
  core.ask({ kind: 'finish', id: ghc });
  assert.is(needsProgressAck(core.state()), undefined, 'the server of ghc is patient');
});

test('the list that an ack requires is learned of the server that offered the package', () => {
  const core = createLinked(settings, ghc);
  open(core, ghc, 20);
  receive(core, ghc, 12, 20);
  core.ask(offerOf(vim));
  core.ask(chunkOf(ghc, 1, 20));
  for (const state of [...everyway(core.state()), policy.replay(core.facts)]) {
    assert.is(state.backend.previousServers[0]?.learned.ack, 'full');
    assert.is(state.backend.server.learned.ack, undefined);
  }
});

test('a snapshot of many servers stays within bounds', () => {
  const core = createLinked();
  const long = 'x'.repeat(240);
  for (let at = 0; at < packagesMax; at++) {
    const name = (key: string) => `${long}${at % 2}/${key}`;
    const services = {
      start: name('s'),
      ack: name('a'),
      report: name('r'),
      packages: name('p'),
    };
    core.ask({ ...offer({ name: `p${at}`, version: '1' }), services });
  }
  const facts = policy.snapshot(core.state());
  for (const fact of facts) {
    assert.ok(encodeBatch(journalFold.codec, [fact], 1).originals.length <= recordBytesMax);
  }
  const bytes = encodeBatch(journalFold.codec, facts, 1).originals.length;
  assert.ok(bytes < 128 * 1_024, `${bytes} bytes`);
  const [one, two] = [policy.replay(policy.snapshot(core.state())), core.state()];
  assert.equal([...one.core.packages], [...two.packages]);
});

test.run();
