// Tests the unit under systemd: start, watchdog, rights of an installer, priorities, the agent's
// own update. The times of the watchdog and of the restart are shortened.
import { randomBytes } from 'node:crypto';
import { createBackend, isReported } from '../backend/backend.ts';
import { packageOf } from '../backend/package.ts';
import { check, done, show } from './check.ts';
import { makeUnitGuest } from './guest.ts';
import { boot } from './machine.ts';
import type { Backend } from '../backend/backend.ts';
import type { Shell } from './machine.ts';

const reportLimitMs = 180_000;
const dropIn = 'etc/systemd/system/sota-agent.service.d/try.conf';

/**
 * Does what packages of opkg do: files and owners anywhere, a device, the rights of root. The
 * package of the agent itself restarts the service during its install, as the recipes make it.
 */
const install = `set -e
exec >>/install.log 2>&1
echo "begins $SOTA_PACKAGE_NAME"
mkdir -p /usr/lib/packages /boot /home/packages
cp "$SOTA_PACKAGE_FILE" /usr/lib/packages/installed
chown 33:33 /usr/lib/packages/installed
chmod 4755 /usr/lib/packages/installed
rm -f /home/packages/device
mknod /home/packages/device c 1 3
cp /usr/lib/packages/installed /boot/installed
systemctl daemon-reload
if [ "$SOTA_PACKAGE_NAME" = sota-agent ]; then
  systemctl --no-block restart sota-agent
  sleep 5
fi
sync
echo "done $SOTA_PACKAGE_NAME"
`;

export async function tryUnit(folder: string, release: string): Promise<void> {
  const backend = createBackend({ transport: 'ws' });
  await backend.start();
  const config = configOf(`ws://10.0.2.2:${new URL(backend.url).port}`);
  const files = { [dropIn]: '[Service]\nWatchdogSec=20s\nRestartSec=1s\n', 'install.sh': install };
  const integration = { settings: {}, config };
  const guest = makeUnitGuest({ folder, name: 'unit', release, integration, files });
  const shell = await boot({ guest });
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
  }
}

function configOf(url: string): string {
  return `[rvi]
url = "${url}"

[installer]
default = "command"

[installer.command]
program = "/bin/sh"
args = ["/install.sh"]
`;
}

async function starts({ run, until }: Shell): Promise<void> {
  const version = (await run('systemctl --version')).split('\n')[0] ?? '';
  await until(show, /ActiveState=active/);
  done(`${version}: started, and READY was heard`);
  await until(show, /StatusText=registered/);
  done('STATUS says what it does');
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
  done('one that was killed is started again, and registers');
  const warned = await run("journalctl -u sota-agent -p warning | grep -c 'info '");
  check('no line of level info counts as a warning', warned === '0', warned);
}

/** opkg could report the result; this command has no probe and would be repeated. */
async function updatesItself({ run, until }: Shell, backend: Backend): Promise<void> {
  const main = () => run('systemctl show -p MainPID --value sota-agent');
  const before = await main();
  const self = packageOf({ name: 'sota-agent', version: '2.0.0' }, randomBytes(1_000));
  backend.server.notify([self]);
  const ends = /done sota-agent|begins sota-agent[^]*begins sota-agent/;
  const log = await until('cat /install.log', ends);
  const isDone = log.includes('done sota-agent');
  check('a package that starts the agent again is installed to its end', isDone, log);
  await until(show, /NRestarts=0/);
  await until(show, /StatusText=registered/);
  const after = await main();
  check('and the agent is another one behind it', before !== after, after);
}
