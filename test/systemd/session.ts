// Tests "On your ECU" from its third step: Debian's SWUpdate as installer, a node on the host, one
// package, and a power loss in the middle of it. The disk of the state loses unsynced data; the
// system disk keeps all writes.
import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBackend, isReported } from '../backend/backend.ts';
import { packageOf, packageOfFile } from '../backend/package.ts';
import { createDisk } from '../powercut/disk.ts';
import { makeExt4 } from '../powercut/guest.ts';
import { serveNbd } from '../powercut/nbd.ts';
import { inspect } from '../powercut/oracle.ts';
import { noteAck } from '../support/acked.ts';
import { createRandom } from '../support/prng.ts';
import { makeKeys, makeSwu } from '../support/swu.ts';
import { freePort } from '../support/vehicle.ts';
import { check, done, show } from './check.ts';
import { makeUnitGuest } from './guest.ts';
import { boot } from './machine.ts';
import { agentUser, folders, forbidden, tries } from './rights.ts';
import type { Backend } from '../backend/backend.ts';
import type { ServerPackage } from '../backend/package.ts';
import type { Guest } from '../powercut/guest.ts';
import type { Keys } from '../support/swu.ts';
import type { Shell } from './machine.ts';

const payloadBytes = 24 * 1_048_576;
const dataMebibytes = 64;
/** The oracle of the power losses uses this directory, too. */
const state = '/data/sota';

type Place = {
  readonly backend: Backend;
  readonly acked: ReadonlySet<number>;
  readonly one: ServerPackage;
  /** The payload as it is installed on the device. */
  readonly payload: ServerPackage;
};

export async function trySession(
  folder: string,
  release: string,
  isUnprivileged: boolean,
): Promise<void> {
  console.log(`\n${isUnprivileged ? 'as a user of its own' : 'as root'}`);
  const work = join(folder, isUnprivileged ? 'unprivileged' : 'root');
  const keys = makeKeys(join(work, 'keys'));
  const data = randomBytes(payloadBytes);
  const file = { name: 'app', data, path: '/opt/app/app' };
  const swu = makeSwu(join(work, 'package'), keys, { version: '2.0.0', files: [file] });
  const one = packageOfFile({ name: 'app', version: '2.0.0' }, swu);
  const payload = packageOf({ name: 'app', version: '2.0.0' }, data);
  const acked = new Set<number>();
  const backend = createBackend({
    fault: ({ service, parameters }) => {
      if (service.endsWith('/sota/ack')) noteAck(parameters, acked);
      return { kind: 'pass' };
    },
  });
  await backend.start();
  const port = await freePort();
  const config = configOf(new URL(backend.url).port, port, isUnprivileged);
  checkConfig(work, config);
  const guest = guestOf(work, release, config, keys, isUnprivileged);
  const power = await createPower(work, guest, port);
  const place = { backend, acked, one, payload };
  try {
    await offered(await power.on(), place);
    const data = readFileSync(swu);
    const found = await power.cut({ id: one.id, data, acked });
    const isWhole = found.violations.length === 0 && found.checked > 0;
    const lost = found.violations.join('\n');
    check(`the power is cut: ${found.checked} acked chunks are on the disk`, isWhole, lost);
    const shell = await power.on();
    await reported(shell, place, found.checked);
    if (isUnprivileged) await bounded(shell, backend);
  } catch (error) {
    check('it goes on', false, error instanceof Error ? error.message : String(error));
    console.log(await power.now().run('journalctl -u sota-agent -u swupdate | cat'));
  } finally {
    await power.off();
    await backend.stop();
  }
}

/** The third step: checks the configuration with the executable of the integrator's machine. */
function checkConfig(work: string, config: string): void {
  const path = join(work, 'config.toml');
  writeFileSync(path, config);
  const ran = spawnSync('build/linux-x64/sota-agent', ['config', '--config', path]);
  check('the configuration is taken on the desk', ran.status === 0, ran.stderr.toString());
}

/** The state directory is not set here: it comes from the variable of the layer. */
function configOf(nodePort: string, port: number, isUnprivileged: boolean): string {
  const command = `
[installer.command]
program = "/bin/sh"
args = ["/tries.sh"]
`;
  return `[rvi]
url = "http://10.0.2.2:${nodePort}"
listen = "10.0.2.15:9080"
network_address = "http://127.0.0.1:${port}"

[installer]
enabled = ${isUnprivileged ? '["swupdate", "command"]' : '["swupdate"]'}

[installer.swupdate]
args = ["-k", "/etc/swupdate/public.pem"]
${isUnprivileged ? command : ''}`;
}

function guestOf(
  folder: string,
  release: string,
  config: string,
  keys: Keys,
  isUnprivileged: boolean,
): Guest {
  const packageconfig = isUnprivileged ? 'swupdate unprivileged' : 'swupdate';
  const settings = { SOTA_AGENT_STATE_DIR: state, PACKAGECONFIG: packageconfig };
  const certificate = readFileSync(keys.certificate, 'utf8');
  const append = isUnprivileged ? agentUser : '';
  const integration = { settings, config, certificate, append };
  const files = isUnprivileged ? { 'tries.sh': tries, 'etc/tmpfiles.d/tries.conf': folders } : {};
  const parts = { folder, name: 'system', release, integration, files, hasSwupdate: true };
  return makeUnitGuest(parts);
}

type Told = Parameters<typeof inspect>[2];

async function createPower(folder: string, guest: Guest, port: number) {
  makeExt4(join(folder, 'data.img'), dataMebibytes);
  const disk = createDisk(readFileSync(join(folder, 'data.img')));
  const path = join(folder, 'nbd');
  const nbd = await serveNbd({ path, disk, onChange: () => undefined });
  let shell: Shell | undefined;

  function now(): Shell {
    if (shell === undefined) throw new Error('it never ran');
    return shell;
  }
  async function on(): Promise<Shell> {
    shell = await boot({ guest, disk: path, port });
    return shell;
  }
  async function cut(told: Told) {
    disk.freeze();
    nbd.disconnect();
    await now().end();
    disk.cut('drop', createRandom(1));
    return inspect(folder, disk.platter, told);
  }
  async function off(): Promise<void> {
    await shell?.end();
    await nbd.close();
  }
  return { now, on, cut, off };
}

/** The fourth step, and the fifth up to the power loss. */
async function offered({ run, until }: Shell, { backend, acked, one }: Place): Promise<void> {
  await until(show, /ActiveState=active/);
  done('the unit of the package is started, and READY was heard');
  await backend.registered();
  const status = await until('sota-agent status', /^link .*: registered/m);
  check('status shows the link, and that the services are registered', true, status);
  await run('sota-agent watch >/run/watch.log 2>&1 &');
  await until('cat /run/watch.log', /no packages/);
  backend.server.notify([one]);
  const watched = await until('cat /run/watch.log', /^app 2\.0\.0 .* [1-9]\d %/m);
  check('watch follows the transfer', true, watched);
  const isHalf = acked.size > 0 && acked.size < one.chunksCount;
  check(`${acked.size} of ${one.chunksCount} chunks are acked`, isHalf, watched);
}

async function reported(shell: Shell, place: Place, ackedThen: number): Promise<void> {
  const { backend, one, payload } = place;
  const { run, until } = shell;
  const said = await until('sota-agent why app', /Recovered after the last power loss:/);
  const [, sentence = '', held = ''] = /^ +(app 2\.0\.0: .*?(\d+) of .*)$/m.exec(said) ?? [];
  check(`why says what survived: ${sentence}`, Number(held) >= ackedThen, said);
  await run('sota-agent watch >/run/watch.log 2>&1 &');
  await backend.until('the report', (server) => isReported(server, one));
  const [outcome] = backend.server.outcomes;
  const text = outcome?.text ?? '';
  check(`reported as installed: ${text}`, outcome?.status === true, text);
  const again = backend.chunksRepeated();
  check(`sent again: ${again} of ${one.chunksCount} chunks`, again <= 2, String(again));
  const sum = await run('sha1sum /opt/app/app');
  check('SWUpdate has installed the payload', sum.startsWith(payload.checksum), sum);
  const watched = await until('cat /run/watch.log', /^app 2\.0\.0 +(installed|failed)/m);
  check('watch follows to the end', /^app 2\.0\.0 +installed/m.test(watched), watched);
  const inside = await run('ls /var/lib');
  check('nothing of the state lies elsewhere', !inside.includes('sota-agent'), inside);
}

/** Tries the actions that the drop-in forbids, in a command that needs no root. */
async function bounded(shell: Shell, backend: Backend): Promise<void> {
  const pid = await shell.run('systemctl show -p MainPID --value sota-agent');
  const identity = await shell.run(`grep -E "^(Uid|CapEff|Seccomp):" /proc/${pid}/status`);
  const uid = /^Uid:\s+(\d+)/m.exec(identity)?.[1] ?? '0';
  const user = await shell.run('grep ^sota-agent: /etc/passwd');
  const isOwn = uid !== '0' && user.split(':')[2] === uid;
  const isBare = /^CapEff:\s+0+$/m.test(identity) && /^Seccomp:\s+2$/m.test(identity);
  check('the process is of the user sota-agent, without capabilities', isOwn && isBare, identity);
  const one = packageOf({ name: 'tries', version: '1.0.0' }, randomBytes(1_000));
  backend.server.notify([one]);
  await backend.until('the report', (server) => isReported(server, one));
  const told = backend.server.outcomes.at(-1);
  check('a command that needs no root installs', told?.status === true, told?.text ?? '');
  const found = await shell.run('cat /data/sota/tried');
  for (const [what, sign] of forbidden) check(what, sign.test(found), found);
}
