// Tests the description of the next step in each phase of a package with each state of the link: it
// must match the deadlines.
import { policy } from '../../../../src/agent/backend.ts';

import { assert, suite } from '../../../support/suite.ts';
import {
  asking,
  complete,
  createLinked,
  ghc,
  install,
  kinds,
  offer,
  open,
  receive,
  settings,
  settle,
  startOf,
  vim,
  statusOf,
} from '../../../support/core.ts';
import type { Core } from '../../../support/core.ts';

const test = suite('what comes next');

const phases: { readonly [name: string]: () => Core } = {
  offered: () => createLinked(asking, ghc),
  'offered, started': () => {
    const core = createLinked(asking, ghc);
    core.ask(startOf(ghc, 3));
    return core;
  },
  accepted: () => createLinked(settings, ghc),
  reserving: () => {
    const core = createLinked(settings, ghc);
    core.ask(startOf(ghc, 3));
    return core;
  },
  receiving: () => {
    const core = createLinked(settings, ghc);
    open(core, ghc, 3);
    receive(core, ghc, 1, 3);
    return core;
  },
  finished: () => {
    const core = createLinked(settings, ghc);
    open(core, ghc, 2);
    receive(core, ghc, 2, 2);
    core.ask({ kind: 'finish', id: ghc });
    return core;
  },
  preparing: () => {
    const core = createLinked(settings, ghc);
    open(core, ghc, 2);
    complete(core, ghc, 2);
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

const links: { readonly [name: string]: (core: Core) => void } = {
  up: () => undefined,
  closed: (core) => void core.act({ kind: 'transport-down', reason: 'lost' }),
  down: (core) => void core.act({ kind: 'call-failed', reason: 'refused' }),
  registering: (core) => {
    core.act({ kind: 'transport-down', reason: 'lost' });
    core.act({ kind: 'transport-up' });
  },
};

function shown(core: Core) {
  const status = statusOf(core);
  return { ...status.packages[0], report: status.reports[0] };
}

const needsLink = ['offered, started', 'accepted', 'receiving', 'reporting'];

for (const [phase, make] of Object.entries(phases)) {
  for (const [link, lose] of Object.entries(links)) {
    test(`${phase}, link ${link}: a timer that runs is told, and no other`, () => {
      const core = make();
      lose(core);
      const { next = '', nextInMs, report } = shown(core);
      const own = policy.deadlines(core.state()).filter(({ id }) => id !== undefined);
      const isWaiting = needsLink.includes(phase) && link !== 'up';
      if (own.length > 0) {
        const first = Math.min(...own.map(({ dueMs }) => dueMs));
        assert.is(nextInMs, Math.max(0, Math.round(first - core.nowMs)), next);
      } else if (isWaiting && link === 'down') {
        assert.is(next, 'registers with the node');
        assert.is(nextInMs, (policy.nextDueMs(core.state()) ?? 0) - core.nowMs);
        core.nowMs += nextInMs ?? 0;
        assert.ok(kinds(core.act({ kind: 'tick' }).effects).includes('register'));
      } else if (isWaiting) {
        assert.match(next, /^registers /);
      } else {
        assert.is(nextInMs, undefined, next);
      }
      assert.is(next === 'requests the start after consent', phase === 'offered');
      if (phase === 'reporting') assert.is(report?.nextInMs, nextInMs);
    });
  }
}

test('what waits for its turn says for what', () => {
  const core = phases['receiving']?.() ?? createLinked();
  core.ask(offer(vim));
  const { packages } = statusOf(core);
  assert.is(packages[1]?.next, 'requests the start, after ghc 7.6.2');
});

test.run();
