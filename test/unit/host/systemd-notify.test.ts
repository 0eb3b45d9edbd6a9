// Tests messages to systemd with a fake runner, which records each start; the test ends each start.
// test/e2e/service.test.ts tests the reaction of systemd.
import { createSystemdNotify } from '../../../src/host/systemd-notify.ts';
import { settle } from '../../support/control.ts';
import { assert, suite } from '../../support/suite.ts';
import type { RunRequest, RunResult } from '../../../src/host/ports.ts';

const test = suite('the service manager');
const heard = { kind: 'exited', exitCode: 0, stdout: '', stderr: '' } as const;

function setUp(environment: { readonly [name: string]: string }, pid = 7) {
  const started: RunRequest[] = [];
  const ends: ((result: RunResult) => void)[] = [];
  const lines: string[] = [];
  const runner = (request: RunRequest) => {
    started.push(request);
    return new Promise<RunResult>((resolve) => void ends.push(resolve));
  };
  const log = (level: string, code: string) => void lines.push(`${level} ${code}`);
  const manager = createSystemdNotify({ runner, log }, environment, pid);
  const end = async (result: RunResult) => {
    ends.shift()?.(result);
    await settle();
  };
  return { manager, started, lines, end, told: () => started.map(({ args }) => args.join(' ')) };
}

test('starts nothing where nobody listens', () => {
  for (const environment of [{}, { NOTIFY_SOCKET: '', WATCHDOG_USEC: '1000' }]) {
    const { manager, started } = setUp(environment);
    manager.notify({ READY: '1' });
    assert.is(started.length, 0);
    assert.is(manager.watchdogMs, undefined);
  }
});

test('tells one message after the other, and of what waits only the last', async () => {
  const one = setUp({ NOTIFY_SOCKET: '@x', PATH: '/p' });
  one.manager.notify({ READY: '1', STATUS: 'a' });
  for (const STATUS of ['b', 'c']) one.manager.notify({ STATUS });
  one.manager.notify({ WATCHDOG: '1' });
  assert.equal(one.told(), ['READY=1 STATUS=a']);
  await one.end(heard);
  assert.equal(one.told(), ['READY=1 STATUS=a', 'STATUS=c WATCHDOG=1']);
  await one.end(heard);
  one.manager.notify({ STOPPING: '1' });
  assert.is(one.started.length, 3);
  assert.is(one.started[0]?.program, 'systemd-notify');
  assert.equal(one.started[0]?.environment, { NOTIFY_SOCKET: '@x', PATH: '/p' });
});

test('lets nobody put a variable into a value', () => {
  const one = setUp({ NOTIFY_SOCKET: '/s' });
  one.manager.notify({ STATUS: `a\nMAINPID=1${'x'.repeat(1_000)}` });
  assert.match(one.told()[0] ?? '', /^STATUS=a\\u000aMAINPID=1x+…$/);
  assert.ok((one.told()[0] ?? '').length < 600);
});

test('says once that it is not heard, and goes on', async () => {
  const one = setUp({ NOTIFY_SOCKET: '/s' });
  const absent = { kind: 'not-started', code: 'ENOENT', reason: 'no such program' } as const;
  for (const result of [absent, { ...heard, exitCode: 1 }, heard, absent]) {
    one.manager.notify({ WATCHDOG: '1' });
    await one.end(result);
  }
  assert.is(one.started.length, 4);
  assert.equal(one.lines, ['warn systemd-notify-failed', 'warn systemd-notify-failed']);
});

test('knows the time in which it must be heard', () => {
  const socket = { NOTIFY_SOCKET: '/s' };
  const watchdog = (environment: { readonly [name: string]: string }) =>
    setUp({ ...socket, ...environment }).manager.watchdogMs;
  assert.is(watchdog({ WATCHDOG_USEC: '300000000' }), 300_000);
  assert.is(watchdog({ WATCHDOG_USEC: '300000000', WATCHDOG_PID: '7' }), 300_000);
  assert.is(watchdog({ WATCHDOG_USEC: '300000000', WATCHDOG_PID: '8' }), undefined);
  for (const text of ['', '0', '-1', 'x']) assert.is(watchdog({ WATCHDOG_USEC: text }), undefined);
});

test.run();
