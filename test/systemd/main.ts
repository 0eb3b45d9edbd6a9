// `make systemd`: the unit under a real systemd, in an emulated ARM machine, with the times of the
// watchdog and of the restart shortened. Each line is something that was looked at.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createBackend, isReported } from '../backend/backend.ts';
import { packageOf } from '../backend/package.ts';
import { makeUnitGuest } from './guest.ts';
import { boot } from './machine.ts';
import type { Backend } from '../backend/backend.ts';
import type { Shell } from './machine.ts';

const root = process.env['SOTA_AGENT_ROOT'] ?? '.';
const dropIn = '[Service]\nWatchdogSec=20s\nRestartSec=1s\n';
const show = 'systemctl show sota-agent -p ActiveState,StatusText,MainPID,NRestarts';
const reportLimitMs = 180_000;

function check(what: string, isSo: boolean, found: string): void {
  console.log(`${isSo ? 'ok  ' : 'FAIL'}  ${what}${isSo ? '' : `:\n${found}`}`);
  if (!isSo) process.exitCode = 1;
}

async function starts({ run, until }: Shell): Promise<void> {
  const version = (await run('systemctl --version')).split('\n')[0] ?? '';
  await until(show, /ActiveState=active/);
  console.log(`ok    ${version}: started, and READY was heard`);
  await until(show, /StatusText=registered/);
  console.log('ok    STATUS says what it does');
}

async function installs({ run }: Shell, backend: Backend): Promise<void> {
  const one = packageOf({ name: 'hello', version: '1.0.0' }, randomBytes(100_000));
  backend.server.notify([one]);
  await backend.until('reported', (server) => isReported(server, one), reportLimitMs);
  const made = await run('stat -c "%a %u %n" /usr/lib/packages/installed /home/packages/device');
  const isDone = backend.server.outcomes[0]?.status === true && made.includes('4755 33 /usr');
  check('an installer writes anywhere, gives files away, makes devices', isDone, made);
  const lines = await run("journalctl -u sota-agent -o json | grep 'info installed'");
  check('the journal has the priority of a line', lines.includes('"PRIORITY":"6"'), lines);
}

async function comesBack({ run, until }: Shell): Promise<void> {
  const signal = (name: string) =>
    run(`kill -${name} $(systemctl show -p MainPID --value sota-agent)`);
  await signal('STOP');
  await until(show, /NRestarts=1/);
  const said = await run('journalctl -u sota-agent | grep -i watchdog');
  check('an agent that stands still is ended by the watchdog', /timeout/.test(said), said);
  await until(show, /StatusText=registered/);
  await signal('KILL');
  await until(show, /NRestarts=2/);
  await until(show, /StatusText=registered/);
  console.log('ok    one that was killed is started again, and registers');
  const warned = await run("journalctl -u sota-agent -p warning | grep -c 'info '");
  check('no line of level info counts as a warning', warned === '0', warned);
}

/** What is true then is what opkg says; the command here cannot be asked and would be repeated. */
async function updatesItself({ run, until }: Shell, backend: Backend): Promise<void> {
  const main = () => run('systemctl show -p MainPID --value sota-agent');
  const before = await main();
  const self = packageOf({ name: 'sota-agent', version: '2.0.0' }, randomBytes(1_000));
  backend.server.notify([self]);
  const ends = /done sota-agent|begins sota-agent[^]*begins sota-agent/;
  const log = await until('cat /install.log', ends);
  const isDone = log.includes('done sota-agent');
  check('a package that starts the agent anew is installed to its end', isDone, log);
  await until(show, /NRestarts=0/);
  await until(show, /StatusText=registered/);
  const after = await main();
  check('and the agent is another one behind it', before !== after, after);
}

const folder = mkdtempSync(join(tmpdir(), 'sota-systemd-'));
const backend = createBackend({ transport: 'ws' });
await backend.start();
const url = `ws://10.0.2.2:${new URL(backend.url).port}`;
const executable = join(root, 'build/linux-arm64/sota-agent');
const shell = await boot(makeUnitGuest({ folder, executable, url, dropIn }));
try {
  await starts(shell);
  await installs(shell, backend);
  await comesBack(shell);
  await updatesItself(shell, backend);
} catch (error) {
  check('it goes on', false, error instanceof Error ? error.message : String(error));
  console.log(await shell.run('journalctl -u sota-agent | cat'));
} finally {
  await shell.end();
  await backend.stop();
  rmSync(folder, { recursive: true, force: true });
}
