// Tests the queue of start requests with a manual clock: the test lists the requested starts.
import { nextToRequest } from '../../../../src/backends/rvi/start-queue.ts';
import { startRetryDelayMsMax, reportSettleMs } from '../../../../src/limits.ts';
import { assert, suite } from '../../../support/suite.ts';
import {
  codes,
  createCore,
  createLinked,
  ghc,
  install,
  link,
  numberIn,
  offer,
  open,
  receive,
  settings,
  settle,
  startOf,
  vim,
  withParts,
} from '../../../support/core.ts';
import type { Effect } from '../../../../src/agent/backend.ts';

const test = suite('asking');
const asked = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => {
    if (effect.kind === 'request-start') return [effect.id.name];
    return effect.kind === 'ack' && effect.empty ? [`[] ${effect.id.name}`] : [];
  });

test('asks for the oldest package first, and for no other beside it', () => {
  const core = createLinked(settings, ghc, vim);
  assert.equal(asked(core.wait(500)), ['ghc']);
  open(core, ghc, 3);
  assert.equal(
    asked(core.wait(60_000)).filter((name) => name.includes('vim')),
    [],
  );
});

test('asks again and again, later each time, and says [] in between', () => {
  const core = createLinked(settings, ghc);
  assert.equal(asked(core.wait(500)), ['ghc']);
  const said = asked(core.wait(4 * startRetryDelayMsMax));
  assert.equal(said.slice(0, 5), ['[] ghc', 'ghc', 'ghc', '[] ghc', 'ghc']);
});

test('gives the next package its turn after three asks without an answer', () => {
  const core = createLinked(settings, ghc, vim);
  const said = asked(core.wait(4 * startRetryDelayMsMax));
  assert.equal(said.slice(0, 7), ['ghc', '[] ghc', 'ghc', 'vim', '[] vim', 'vim', 'ghc']);
});

test('asks for the next one as soon as the report of the last is proven', () => {
  const core = createLinked(settings, ghc, vim);
  settle(core, ghc);
  core.wait(500);
  assert.is(nextToRequest(core.state()), undefined);
  core.act({ kind: 'sent', message: 'report', id: ghc });
  assert.equal(asked(core.wait(1_000)), []);
  core.ask({ kind: 'getpackages' });
  assert.equal(asked(core.wait(500)), ['vim']);
});

test('asks for the next one without proof when servers have freed the vehicle', () => {
  const core = createLinked(settings, ghc, vim);
  settle(core, ghc);
  core.wait(500);
  core.act({ kind: 'sent', message: 'report', id: ghc });
  assert.is(nextToRequest(core.state())?.dueMs, core.nowMs + reportSettleMs);
  assert.equal(asked(core.wait(reportSettleMs - 500)), []);
  assert.equal(asked(core.wait(1_000)), ['vim']);
});

test('asks for nothing while a package is made room for, received, installed or unreported', () => {
  const rooms = createLinked(settings, ghc, vim);
  rooms.ask(startOf(ghc, 3));
  const receiving = createLinked(settings, ghc, vim);
  open(receiving, ghc, 3);
  receive(receiving, ghc, 1, 3);
  const installing = createLinked(settings, ghc, vim);
  install(installing, ghc);
  const reporting = createLinked(settings, ghc, vim);
  settle(reporting, ghc);
  for (const core of [rooms, receiving, installing, reporting]) {
    assert.is(nextToRequest(core.state()), undefined);
    assert.equal(asked(core.wait(500)), []);
  }
});

test('is held up by none of which no server can be told', () => {
  const settled = createLinked(settings, ghc, vim);
  settle(settled, ghc);
  const receiving = createLinked(settings, ghc, vim);
  open(receiving, ghc, 3);
  for (const core of [settled, receiving]) {
    core.wait(500);
    const { effects } = core.act({ kind: 'message-blocked', id: ghc, reason: 'no VIN' });
    assert.equal(codes(effects), ['vehicle-id-missing']);
    assert.is(core.running(ghc).blockedReason, 'no VIN');
    assert.equal(asked(core.wait(500)), ['vim']);
    assert.is(core.state().link.kind, 'up');
  }
});

test('asks for nothing while room is made for what is started again after its report', () => {
  const core = createLinked(settings, ghc, vim);
  settle(core, ghc);
  core.wait(500);
  core.act({ kind: 'sent', message: 'report', id: ghc });
  core.wait(reportSettleMs - 1_000);
  core.ask(startOf(ghc, 3, 'b'.repeat(40)));
  assert.equal(asked(core.wait(60_000)), []);
});

test('asks at once after a boot, and after an outage', () => {
  const core = createLinked(settings, ghc);
  core.wait(120_000);
  core.act({ kind: 'transport-down', reason: 'closed' });
  assert.equal(asked(core.wait(120_000)), []);
  link(core);
  assert.equal(asked(core.wait(500)), ['ghc']);
  const { packages } = core.state();
  const reborn = createCore(settings, withParts(createCore().state(), { packages }));
  reborn.act({ kind: 'booted', bootId: 'boot-2', payloads: [] });
  assert.equal(asked(reborn.wait(500)), []);
  link(reborn);
  assert.equal(asked(reborn.wait(500)), ['ghc']);
});

test('an offer that comes again waits minutes for the proof of the last report, not days', () => {
  const core = createLinked(settings, ghc);
  settle(core, ghc);
  core.ask(offer(ghc));
  const said: string[] = [];
  for (let minutes = 0; minutes < 60; minutes++) {
    core.act({ kind: 'sent', message: 'report', id: ghc });
    said.push(...asked(core.wait(60_000)));
  }
  assert.is(said[0], 'ghc');
  assert.is(core.phase(ghc), 'accepted');
  assert.is.not(numberIn(core.ask(startOf(ghc, 3))), 0);
});

test.run();
