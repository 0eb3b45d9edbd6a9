// Tests that sessions resume: the test sends SIGKILL at each step of a session, over both
// transports and against servers of both kinds. The agent restarts at once, and the session must
// end normally.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { isBody } from '../backend/dialect.ts';
import { packageOf } from '../backend/package.ts';
import { acknowledged } from '../support/acked.ts';
import { ipkOf } from '../support/ipk.ts';
import { createOpkgDevice } from '../support/opkg.ts';
import { assert, suite } from '../support/suite.ts';
import { linesOf, withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { Passing } from '../backend/node.ts';
import type { ServerKind } from '../backend/server-rules.ts';
import type { Vehicle, VehicleOptions } from '../support/vehicle.ts';

const test = suite('resume');

/** The moment of a kill: a line of the log, a message (dropped if `isLost`), or a new file. */
type Cut =
  | { readonly log: RegExp; readonly loses?: (passing: Passing) => boolean }
  | { readonly message: (passing: Passing) => boolean; readonly isLost: boolean }
  | { readonly file: string };

const chunksCount = 7;
const data = () => randomBytes((chunksCount - 1) * 65_536 + 100);

const at =
  (direction: 'in' | 'out', service: string) =>
  (passing: Passing): boolean =>
    passing.direction === direction && passing.service.endsWith(`/sota/${service}`);

function chunksOf({ parameters }: Passing): number {
  const body: unknown = Array.isArray(parameters) ? parameters[0] : undefined;
  const chunks: unknown = isBody(body) ? body['chunks'] : undefined;
  return Array.isArray(chunks) ? acknowledged(chunks).length : -1;
}

const ack = (count: number) => (passing: Passing) =>
  at('in', 'ack')(passing) && chunksOf(passing) === count;

const passes = (message: (passing: Passing) => boolean): Cut => ({ message, isLost: false });
const loses = (message: (passing: Passing) => boolean): Cut => ({ message, isLost: true });

const steps: readonly (readonly [when: string, cut: Cut])[] = [
  ['the notify', { log: /package-offered/, loses: at('in', 'start') }],
  ['the start was asked for, and lost', loses(at('in', 'start'))],
  ['/sota/start', { log: /download-started/ }],
  ['the first ack', passes(ack(0))],
  ['the first ack, and lost', loses(ack(0))],
  ['the first chunk was sent', passes(at('out', 'chunk'))],
  ['one chunk', passes(ack(1))],
  ['three chunks, the ack lost', loses(ack(3))],
  ['five chunks', passes(ack(5))],
  ['the last chunk, before the finish', loses(at('out', 'finish'))],
  ['the finish', { log: /package-verified/ }],
  ['the install, the report lost', loses(at('in', 'report'))],
  ['the report', passes(at('in', 'report'))],
];

/** Kills the agent at each moment in turn, and starts it again. */
function createCutter(cuts: readonly Cut[]) {
  let left = cuts;
  let vehicle: Vehicle | undefined;
  /** Messages of a killed agent may still arrive. */
  let isDying = false;
  /** Drops the last messages of a killed agent until the next one runs. */
  let losesOfLast: ((passing: Passing) => boolean) | undefined;
  const next = () => left[0];

  function cut(): void {
    if (isDying || vehicle === undefined) return;
    isDying = true;
    const due = next();
    losesOfLast = due !== undefined && 'log' in due ? due.loses : undefined;
    void vehicle
      .agent()
      .kill('SIGKILL')
      .then(() => {
        left = left.slice(1);
        isDying = false;
        if (!isOver()) watch();
      });
  }
  const isOver = () => vehicle === undefined;

  function watch(): void {
    const agent = vehicle?.boot();
    agent?.logged(/ started /).then(
      () => (losesOfLast = undefined),
      () => undefined,
    );
    const due = next();
    if (due === undefined || agent === undefined) return;
    // The agent may end before, with the test.
    if ('log' in due) agent.logged(due.log).then(cut, () => undefined);
    if ('file' in due) {
      const path = resolve(vehicle?.directory ?? '', due.file);
      void until(path, () => isOver() || existsSync(path)).then(() => (isOver() ? 0 : cut()));
    }
  }

  const fault: VehicleOptions['fault'] = (passing) => {
    if (losesOfLast?.(passing) === true) return { kind: 'drop' };
    const due = next();
    if (due === undefined || 'file' in due) return { kind: 'pass' };
    if ('log' in due) return { kind: due.loses?.(passing) === true ? 'drop' : 'pass' };
    if (isDying || !due.message(passing)) return { kind: 'pass' };
    cut();
    return { kind: due.isLost ? 'drop' : 'pass' };
  };

  return {
    fault,
    begin(given: Vehicle) {
      vehicle = given;
      watch();
    },
    end: () => (vehicle = undefined),
    left: () => left.length,
  };
}

type Way = { readonly transport: 'http' | 'ws'; readonly server: ServerKind };

const ways: readonly Way[] = [
  { transport: 'http', server: 'S-A' },
  { transport: 'http', server: 'S-C' },
  { transport: 'ws', server: 'S-A' },
  { transport: 'ws', server: 'S-C' },
];

type Ended = { readonly installs: number; readonly repeated: number; readonly said: string };

async function travel(way: Way, cuts: readonly Cut[], more: VehicleOptions = {}): Promise<Ended> {
  const cutter = createCutter(cuts);
  const one = packageOf({ name: 'firmware', version: '2.0.1' }, data());
  let ended: Ended = { installs: 0, repeated: 0, said: '' };
  await withVehicle({ ...way, ...more, fault: cutter.fault }, async (vehicle) => {
    const { backend } = vehicle;
    try {
      cutter.begin(vehicle);
      await backend.registered();
      backend.server.notify([one]);
      await vehicle.reported(one);
      await until('every cut', () => cutter.left() === 0);
      await settles(vehicle);
      const [outcome, ...others] = backend.server.outcomes;
      assert.equal(others, []);
      const payload = outcome?.status === true ? vehicle.installed(one.id) : Buffer.of();
      if (outcome?.status === true) assert.is(packageOf(one.id, payload).checksum, one.checksum);
      const repeated = backend.chunksRepeated();
      ended = { installs: vehicle.installs().length, repeated, said: outcome?.text ?? '' };
    } finally {
      cutter.end();
      for (const pid of linesOf(join(vehicle.directory, 'pids'))) kill(Number(pid));
    }
  });
  return ended;
}

/** Kills an installer, which survives the agent here, but would not survive a power loss. */
function kill(pid: number): void {
  if (pid === 0) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has ended.
  }
}

/** Waits until no report is due and no data is left. */
async function settles({ backend, directory, status }: Vehicle): Promise<void> {
  // A server requests the packages once after a report; if that message is lost, an operator must
  // repeat it.
  let asked = 0;
  await until('nothing is owed', async () => {
    const now = await status().catch(() => undefined);
    if (now?.packages.length === 0) return true;
    asked += 1;
    if (asked % 50 === 0 && now?.link.kind === 'up') backend.server.askForPackages();
    return false;
  });
  await until('no data is left', () => readdirSync(join(directory, 'state/packages')).length === 0);
}

for (const [when, cut] of steps) {
  test(`a cut after ${when}`, async () => {
    const ends = await Promise.all(ways.map((way) => travel(way, [cut])));
    for (const [index, { installs, repeated }] of ends.entries()) {
      const name = `${ways[index]?.transport} ${ways[index]?.server}`;
      assert.ok(repeated <= 1, `${name}: ${repeated} chunks sent again`);
      // The installer may have started, and has no probe.
      const installsMax = when === 'the finish' ? 2 : 1;
      assert.ok(installs >= 1 && installs <= installsMax, `${name}: ${installs} installs`);
    }
  });
}

test('a cut at every step of one session', async () => {
  const cuts = steps.map(([, cut]) => cut);
  const ends = await Promise.all(ways.map((way) => travel(way, cuts)));
  for (const { installs, repeated } of ends) {
    assert.ok(repeated <= cuts.length, `${repeated} chunks sent again in ${cuts.length} cuts`);
    assert.ok(installs === 1 || installs === 2, `${installs} installs`);
  }
});

test('a start that was lost on its way comes again, where the server knows how', async () => {
  // The server of October 2015 sends the start once, and waits without a limit (protocol 2.4).
  const late = ways.filter(({ server }) => server !== 'S-A');
  const lost = loses(at('out', 'start'));
  const ends = await Promise.all(late.map((way) => travel(way, [lost])));
  for (const { installs, repeated } of ends) assert.equal([installs, repeated <= 1], [1, true]);
});

const hang = 'echo $$ >>"$D/pids"\nexec sleep 30';

test('an installer that cannot be asked runs again after a cut', async () => {
  const install = `if mkdir "$D/run1" 2>/dev/null; then ${hang}; fi`;
  const ends = await Promise.all(ways.map((way) => travel(way, [{ file: 'run1' }], { install })));
  for (const { installs, said } of ends) {
    assert.is(installs, 1);
    assert.match(said, 'exited with 0');
  }
});

test('but not for ever: its attempts are counted over all cuts', async () => {
  const install = `mkdir "$D/run1" 2>/dev/null || mkdir "$D/run2"\n${hang}`;
  const more = { installer: { max_attempts: 2 } };
  const cuts = [{ file: 'run1' }, { file: 'run2' }];
  const [first] = ways.filter(({ server }) => server === 'S-C');
  assert.ok(first);
  const { installs, said } = await travel(first, cuts, { install, more });
  assert.is(installs, 0);
  assert.match(said, 'interrupted in attempt 2, the last one');
});

test('what the package manager says is installed is not installed again', async () => {
  const device = mkdtempSync(join(tmpdir(), 'sota-opkg-'));
  const opkg = createOpkgDevice(device, '0.6-libsolv');
  opkg.set({ haltAt: 'status-written' });
  const { program, args } = opkg;
  const more = { installer: { default: 'opkg', opkg: { program, args } } };
  const cutter = createCutter([{ file: join(device, 'opkg.json.reached') }]);
  await withVehicle({ more, fault: cutter.fault }, async (vehicle) => {
    const spec = { package: 'hello', version: '1.0.1', files: { './usr/bin/hello': 'hello' } };
    const one = packageOf({ name: 'hello', version: '1.0.1' }, ipkOf(spec));
    cutter.begin(vehicle);
    try {
      await vehicle.backend.registered();
      vehicle.backend.server.notify([one]);
      await until('the cut', () => cutter.left() === 0);
      // A power loss ends the installer, too; the next agent would wait for a running one.
      kill(opkg.halted() ?? 0);
      await vehicle.reported(one);
      assert.is(vehicle.backend.server.outcomes[0]?.status, true);
      assert.equal([cutter.left(), opkg.calls().length], [0, 1], opkg.calls().join('; '));
      assert.equal(opkg.listed(), ['hello 1.0.1']);
    } finally {
      cutter.end();
      kill(opkg.halted() ?? 0);
    }
  });
  rmSync(device, { recursive: true });
});

test.run();
