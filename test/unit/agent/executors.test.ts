// Tests the executor of each effect, one effect at a time: each ends with an event that has the
// result.
import { journalFold } from '../../../src/agent/journal-fold.ts';
import { policy } from '../../../src/agent/backend.ts';
import { createExecutors } from '../../../src/agent/executors.ts';

import { transferOf } from '../../../src/core/decision-helpers.ts';
import { createHasher } from '../../../src/agent/hasher.ts';
import { openStore } from '../../../src/store/store.ts';
import { createMemoryDisk } from '../../support/memory-disk.ts';
import { assert, suite } from '../../support/suite.ts';
import { settle } from '../../support/control.ts';
import { checksum, engine, held, must, opened } from '../../support/store.ts';
import { createFakeInstallers, createLines } from '../../support/daemon.ts';
import type { Effect, Event } from '../../../src/core/events.ts';
import type { Installers } from '../../../src/install/installer.ts';

const test = suite('the executors');
const state = policy.replay([...opened(1, 2), held(1), held(2, new Uint8Array(5))]);
const [one] = state.core.packages.values();
const transfer = one === undefined ? undefined : transferOf(one);
if (transfer === undefined) throw new Error('no transfer');
const install = { attempt: 1, installer: 'command', before: '{"x":1}' };
const start = { id: engine, checksum, chunksCount: 2 } as const;

async function setUp(change: Partial<Installers> = {}) {
  const disk = createMemoryDisk();
  const store = must(await openStore(disk, '/s', 0, journalFold));
  must(await store.data.scanFolders([]));
  must(await store.reserve(1, 2 * 65_536, 2));
  const lines = createLines();
  const events: Event[] = [];
  const failures: unknown[] = [];
  const submit = (event: Event) => void events.push(event);
  const installers = { ...createFakeInstallers(), ...change };
  const execute = createExecutors({
    log: lines.log,
    store,
    hasher: createHasher(store.data, submit),
    installers,
    submit,
    fail: (error) => void failures.push(error),
  });
  return {
    disk,
    store,
    lines,
    events,
    failures,
    installers,
    async execute(effect: Effect) {
      execute(effect, state.core, []);
      await settle();
      return events;
    },
  };
}

test('makes room, or says why not', async () => {
  const all = await setUp();
  assert.equal(await all.execute({ kind: 'reserve', start, number: 2 }), [
    { kind: 'reserved', start, number: 2 },
  ]);
  all.disk.setFree(0);
  await all.execute({ kind: 'reserve', start, number: 3 });
  const reason = 'need 1 MiB, have 0 MiB';
  assert.equal(all.events[1], {
    kind: 'not-reserved',
    start,
    number: 3,
    code: 'ENOSPC',
    reason,
  });
});

test('gives the file its size before an installer sees it', async () => {
  const all = await setUp();
  const events = await all.execute({ kind: 'prepare', id: engine, transfer });
  assert.is(all.disk.content('/s/packages/1/data')?.length, 65_541);
  const prepared = { kind: 'prepared', id: engine, number: 1, installer: 'command', before: '{}' };
  assert.equal(events, [prepared]);
});

test('says why an installer does not get ready', async () => {
  const noneFits = { ok: false, reason: 'none fits' } as const;
  const unfit = await setUp({ choose: async () => noneFits });
  const [event] = await unfit.execute({ kind: 'prepare', id: engine, transfer });
  assert.equal(event?.kind === 'not-prepared' ? event.failure : '', {
    kind: 'no-installer',
    reason: 'none fits',
  });
  const full = await setUp();
  full.disk.refuse(({ verb }) => (verb === 'truncate' ? 'EROFS' : undefined));
  const [other] = await full.execute({ kind: 'prepare', id: engine, transfer });
  const failure = other?.kind === 'not-prepared' ? other.failure : undefined;
  assert.is(failure?.kind === 'data-not-closed' ? failure.code : '', 'EROFS');
});

test('runs and probes with the installer that the attempt names', async () => {
  const all = await setUp();
  await all.execute({ kind: 'install', id: engine, transfer, install });
  await all.execute({ kind: 'probe', id: engine, transfer, install });
  const verdict = { kind: 'installed', description: 'done' };
  const probe = { kind: 'not-installed', description: 'not there' };
  assert.equal(all.events, [
    { kind: 'install-ended', id: engine, verdict },
    { kind: 'install-probed', id: engine, probe },
  ]);
});

test('neither runs nor believes another installer where that one is gone', async () => {
  const all = await setUp({ named: () => undefined });
  await all.execute({ kind: 'install', id: engine, transfer, install });
  await all.execute({ kind: 'probe', id: engine, transfer, install });
  const kinds = all.events.map((event) =>
    'verdict' in event ? event.verdict.kind : 'probe' in event ? event.probe.kind : '',
  );
  assert.equal(kinds, ['failed', 'unknown']);
  assert.equal(all.installers.done, []);
});

test('lists, reboots and checks', async () => {
  const all = await setUp();
  await all.execute({ kind: 'list-inventory' });
  await all.execute({ kind: 'reboot', id: engine });
  await all.execute({ kind: 'check', id: engine });
  const kinds = all.events.map(({ kind }) => kind);
  assert.equal(kinds, ['inventory-listed', 'reboot-requested', 'checked']);
  const none = await setUp({ list: async () => ({ ok: false, reason: 'no list' }) });
  const events = await none.execute({ kind: 'list-inventory' });
  assert.equal(events, [{ kind: 'inventory-failed', reason: 'no list' }]);
});

test('hands on what breaks, whatever the effect', async () => {
  const breaks = () => Promise.reject(new Error('broken'));
  const all = await setUp({ list: breaks, reboot: breaks, check: breaks, choose: breaks });
  await all.execute({ kind: 'list-inventory' });
  await all.execute({ kind: 'reboot', id: engine });
  await all.execute({ kind: 'check', id: engine });
  await all.execute({ kind: 'prepare', id: engine, transfer });
  assert.equal(
    all.failures.map(String),
    Array.from({ length: 4 }, () => 'Error: broken'),
  );
});

test('hashes nothing of a transfer that is gone', async () => {
  const all = await setUp();
  await all.execute({ kind: 'hash', number: 9 });
  assert.equal(all.events, []);
});

test.run();
