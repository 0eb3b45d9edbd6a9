// Tests the inventory: the test passes lists of installers and checks the list for the server and
// the log.
import { inventoryFilter } from '../../../src/backends/rvi/connection.ts';
import { withOneListing, withReadableList } from '../../../src/agent/inventory.ts';
import { settings } from '../../support/core.ts';
import { assert, suite } from '../../support/suite.ts';
import { settle } from '../../support/control.ts';
import { createFakeInstallers, createLines } from '../../support/daemon.ts';

const test = suite('the list of packages');
const [strict, all] = (['strict', 'all'] as const).map((inventory) =>
  inventoryFilter({ ...settings, rvi: { ...settings.rvi, inventory } }),
);
if (strict === undefined || all === undefined) throw new Error('no filter');
const busybox = { name: 'busybox', version: '1.36' };
const app = { name: 'app', version: '1.2.3' };

test('leaves out what a server cannot read, and says so once', async () => {
  const lines = createLines();
  let packages = [busybox, app];
  const fake = { ...createFakeInstallers(), list: async () => ({ ok: true, packages }) as const };
  const { list } = withReadableList(fake, lines.log, strict);
  assert.equal(await list(), { ok: true, packages: [app] });
  assert.equal(await list(), { ok: true, packages: [app] });
  assert.equal(lines.lines, ['warn inventory-filtered {"count":1,"packages":"busybox 1.36"}']);
  packages = [app];
  await list();
  packages = [busybox, app];
  await list();
  assert.is(lines.count('inventory-filtered'), 2);
});

test('says nothing where all is told, and hands on why there is no list', async () => {
  const lines = createLines();
  const packages = [busybox, app];
  const fake = { ...createFakeInstallers(), list: async () => ({ ok: true, packages }) as const };
  assert.equal(await withReadableList(fake, lines.log, all).list(), { ok: true, packages });
  const failed = { ok: false, reason: 'no opkg' } as const;
  const none = { ...createFakeInstallers(), list: async () => failed };
  assert.equal(await withReadableList(none, lines.log, strict).list(), failed);
  assert.equal(lines.lines, []);
});

test('asks the installers once at a time, and who asks meanwhile gets the next list', async () => {
  const pending: ((listed: { readonly ok: false; readonly reason: string }) => void)[] = [];
  const listing = () => new Promise<{ ok: false; reason: string }>((done) => pending.push(done));
  const { list } = withOneListing({ ...createFakeInstallers(), list: listing });
  const first = list();
  const others = Array.from({ length: 100 }, list);
  assert.is(pending.length, 1);
  pending[0]?.({ ok: false, reason: 'first' });
  assert.is((await first).ok, false);
  await settle();
  assert.is(pending.length, 2);
  const later = list();
  pending[1]?.({ ok: false, reason: 'second' });
  for (const one of others) assert.equal(await one, { ok: false, reason: 'second' });
  await settle();
  assert.is(pending.length, 3);
  pending[2]?.({ ok: false, reason: 'third' });
  assert.equal(await later, { ok: false, reason: 'third' });
  await settle();
  void list();
  assert.is(pending.length, 4);
});

test.run();
