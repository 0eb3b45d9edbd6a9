// Tests interrupted runs of Debian's SWUpdate as a program. A wrapper script halts it before its
// start, during its payload, or after its end; scripts of the update halt it in between. Then the
// test kills both, like a power loss, or one of them.
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { packageOfFile } from '../backend/package.ts';
import { attemptsIn, cutAgent, isGone, onlyOutcome } from '../support/interrupted.ts';
import { canMakeSwu, isProgram, makeKeys, makeSwu } from '../support/swu.ts';
import { startSwupdate, swupdateArgs } from '../support/swupdate.ts';
import { assert, suite } from '../support/suite.ts';
import { linesOf, withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { Keys, SwuScript } from '../support/swu.ts';
import type { Vehicle } from '../support/vehicle.ts';

const all = suite('SWUpdate, cut under the agent');
const test = all.needs('swupdate, openssl, cpio', canMakeSwu() && isProgram('swupdate'));
const data = randomBytes(1_500_000);
let directory = '';
const path = (name: string) => join(directory, name);
all.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'swu-cut-'));
});
all.afterEach(() => rmSync(directory, { recursive: true, force: true }));

const points = [
  'its start',
  'the copy into TMPDIR',
  'the stream to its place',
  'a script before',
  'a script behind',
  'its end',
] as const;
type Point = (typeof points)[number];

/** The arguments are `-l LEVEL -i FILE …`; halts once, and continues when the file `go` exists. */
const wrapper = () => `#!/bin/sh
cd ${directory}; halt=$(cat halt); : >halt; level=$2; file=$4; shift 4
echo start >>starts; echo $$ >pid
wait_go() { echo >reached; while [ ! -e go ]; do sleep 0.1; done; }
case "$halt" in
'its start') wait_go ;;
'the copy'*|'the stream'*) mkfifo fifo
  (head -c 900000 "$file"; wait_go; tail -c +900001 "$file") >fifo & file=fifo ;;
'its end') swupdate -l "$level" -i "$file" "$@"; code=$?; wait_go; exit $code ;;
esac
exec swupdate -l "$level" -i "$file" "$@"
`;

const held = (type: SwuScript['type']): SwuScript => ({
  name: `${type}.sh`,
  type,
  text: `#!/bin/sh\ncd ${directory}; [ -e go ] && exit 0
echo >reached; while [ ! -e go ]; do sleep 0.1; done\n`,
});

const go = () => writeFileSync(path('go'), '');
const starts = () => linesOf(path('starts')).length;

type Given = {
  readonly check?: readonly string[];
  readonly status?: boolean;
  readonly keys?: Keys;
};

/** Runs an update up to `point`; `act` interrupts it and leaves a running agent. */
async function on(
  point: Point,
  act: (vehicle: Vehicle, swupdate: () => number) => Promise<void>,
  more: Given = {},
): Promise<string> {
  const { check = ['cmp', path('target/app'), path('app')], status = true } = more;
  const { keys = makeKeys(path('keys')) } = more;
  const isDirect = point === 'the stream to its place';
  const file = { name: 'app', data, path: path('target/app'), isDirect };
  const scripts: SwuScript[] = [];
  if (point === 'a script before') scripts.push(held('preinstall'));
  if (point === 'a script behind') scripts.push(held('postinstall'));
  const swu = makeSwu(path('package'), keys, { version: '2.0.0', files: [file], scripts });
  writeFileSync(path('app'), data);
  writeFileSync(path('halt'), point);
  mkdirSync(path('bin'));
  const program = path('bin/swupdate');
  writeFileSync(program, wrapper());
  chmodSync(program, 0o755);
  const args = [...swupdateArgs(keys.certificate)];
  const options = { program, args, verify_command: check, sockets: path('sockets') };
  const versions = { versions_file: path('sw-versions') };
  const installer = { default: 'auto', max_attempts: 2, swupdate: { ...options, ...versions } };
  let text = '';
  await withVehicle({ more: { installer } }, async (vehicle) => {
    vehicle.boot();
    await vehicle.backend.registered();
    const one = packageOfFile({ name: 'app', version: '2.0.0' }, swu);
    vehicle.backend.server.notify([one]);
    await until(`SWUpdate at ${point}`, () => existsSync(path('reached')) && isThere(point));
    await act(vehicle, () => Number(readFileSync(path('pid'), 'utf8')));
    await vehicle.reported(one);
    const outcome = await onlyOutcome(vehicle);
    text = outcome.text;
    assert.is(outcome.status, status, text);
    assert.ok(readFileSync(path('target/app')).equals(data), 'what is installed is the update');
  });
  return text;
}

/** A direct stream is visible in the target folder. */
function isThere(point: Point): boolean {
  if (point !== 'the stream to its place') return true;
  return existsSync(path('target')) && readdirSync(path('target')).length > 0;
}

/** Kills the whole process group, like a power loss. */
async function kill(swupdate: number): Promise<void> {
  process.kill(-swupdate, 'SIGKILL');
  await until('SWUpdate to be gone', () => isGone(swupdate));
}

for (const point of points) {
  const isDone = point === 'a script behind' || point === 'its end';

  test(`killed with the agent at ${point}: no more is done than needed`, async () => {
    await on(point, async (vehicle, swupdate) => {
      await Promise.all([cutAgent(vehicle), kill(swupdate())]);
      go();
      vehicle.boot();
      await vehicle.agent().logged(/ installed /);
      assert.is(starts(), isDone ? 1 : 2);
      assert.is(attemptsIn(vehicle).at(-1) ?? 1, isDone ? 1 : 2);
    });
  });

  test(`killed alone at ${point}: what is missing is an attempt of its own`, async () => {
    await on(point, async (vehicle, swupdate) => {
      await kill(swupdate());
      go();
      await vehicle.agent().logged(/ installed /);
      assert.is(starts(), isDone ? 1 : 2);
    });
  });

  test(`without the agent at ${point}: it is waited for, and nothing runs beside it`, async () => {
    await on(point, async (vehicle) => {
      await cutAgent(vehicle);
      vehicle.boot();
      await vehicle.agent().logged(/install attempt 1 interrupted/);
      // Longer than an agent takes that does not wait.
      await pause(1_500);
      assert.is(starts(), 1);
      go();
      await vehicle.agent().logged(/ installed /);
      // SWUpdate may have failed because its output pipe is closed; then the agent repeats it.
      assert.ok(starts() <= (isDone ? 1 : 2), String(starts()));
    });
  });
}

test('killed at its end, where nothing can confirm it: it is installed again', async () => {
  const text = await on(
    'its end',
    async (vehicle, swupdate) => {
      await Promise.all([cutAgent(vehicle), kill(swupdate())]);
      go();
      vehicle.boot();
      await vehicle.agent().logged(/ installed /);
      assert.is(starts(), 2);
    },
    { check: [] },
  );
  assert.match(text, /SWUpdate reported success; nothing on the device can confirm it/);
});

test('killed in each of its attempts: a failure that says so, and no start more', async () => {
  const text = await on(
    'its end',
    async (vehicle, swupdate) => {
      await Promise.all([cutAgent(vehicle), kill(swupdate())]);
      writeFileSync(path('halt'), 'its end');
      rmSync(path('reached'));
      vehicle.boot();
      await until('attempt 2', () => existsSync(path('reached')));
      await Promise.all([cutAgent(vehicle), kill(swupdate())]);
      vehicle.boot();
      await vehicle.agent().logged(/update-failed/);
      assert.is(starts(), 2);
    },
    { check: [], status: false },
  );
  assert.match(
    text,
    /^interrupted in attempt 2, the last one: nothing on the device can confirm it/,
  );
});

test('a daemon killed with the agent: the new one is asked, and sent it again', async () => {
  const keys = makeKeys(path('keys'));
  const start = () => startSwupdate(path('sockets'), swupdateArgs(keys.certificate));
  const daemons = [await start()];
  try {
    await on(
      'a script before',
      async (vehicle) => {
        await Promise.all([cutAgent(vehicle), daemons[0]?.kill('SIGKILL')]);
        go();
        daemons.push(await start());
        vehicle.boot();
        await vehicle.agent().logged(/installing.*attempt=2/);
      },
      { keys },
    );
  } finally {
    await Promise.all(daemons.map((one) => one.kill('SIGKILL')));
  }
  assert.is(starts(), 0);
});

all.run();
