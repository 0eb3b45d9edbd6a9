// The behaviour of the fake opkg, defect by defect: docs/integrate/installers.md names each. It
// runs as a program (opkg.mjs), or in the process of a test, which avoids the start of Node.
//
// The argument of `--stand-in` is a JSON file that describes the fake:
//   flavour   "0.1.8", "0.6-internal", "0.6-libsolv" or "lede" (OpenWrt's opkg-lede)
//   capacity  bytes that fit on its disk; more is ENOSPC
//   isQuiet   it does not report that its disk is full
//   isStatusLost  the second half of its status file does not fit, without an error
//   dieAt     a point at which it kills itself, once: then the file has no such name
//   haltAt    a point at which it writes FILE.reached and waits; only as a program
// Points: locked, preinst, unpack:<files>, unpacked, postinst, status-empty, status-half,
// status-written; and asked:<n>, the n-th query of a package's status. Every call is a line in
// FILE.calls.
import { appendFileSync, closeSync, existsSync, ftruncateSync, openSync } from 'node:fs';
import { readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createFiles } from './opkg-files.mjs';
import { compareVersions, openIpk, readStatus, stanzaOf } from './opkg-parts.mjs';

// The state of the call; calls run one at a time.
let options, settingsFile, settings, isLede, isOldest, isOld, isSolver;
let root, home, statusFile, lockFile, files, command, names, ports;

/**
 * Runs the command of these arguments; returns the exit code. `ports`: `pid` is the PID for the
 * lock, `out` and `err` take text, `kill` ends the run by a signal, `script` runs `sh`.
 */
export function runOpkg(given, withPorts) {
  ports = withPorts;
  const read = readArguments(given);
  options = read.options;
  settingsFile = options['--fake'];
  settings = JSON.parse(readFileSync(settingsFile, 'utf8'));
  const { flavour } = settings;
  isLede = flavour === 'lede';
  isOldest = flavour === '0.1.8';
  // OpenWrt's opkg was forked from 0.1.
  isOld = isOldest || isLede;
  isSolver = flavour === '0.6-libsolv';
  root = rootOf(options);
  home = join(root, isOld ? 'usr/lib/opkg' : 'var/lib/opkg');
  statusFile = join(home, 'status');
  lockFile = join(home, 'lock');
  files = createFiles({ settings, isOld, root, home, point, say });
  [command, ...names] = read.words;
  appendFileSync(`${settingsFile}.calls`, `${[...options.forced, ...read.words].join(' ')}\n`);
  return main();
}

function readArguments(given) {
  const found = { forced: [] };
  const rest = [];
  for (let at = 0; at < given.length; at += 1) {
    const word = given[at];
    if (['-f', '-o', '--fake'].includes(word)) found[word] = given[(at += 1)];
    else if (word.startsWith('--force-')) found.forced.push(word);
    else rest.push(word);
  }
  return { options: found, words: rest };
}

function rootOf(found) {
  if (found['-o'] !== undefined) return found['-o'];
  const [, path] = /^dest \S+ (\S+)/m.exec(readFileSync(found['-f'], 'utf8')) ?? [];
  return path;
}

function main() {
  const isQuestion = ['status', 'list-installed', 'files'].includes(command);
  if (isLocked()) {
    // 0.6 answers queries while the lock is taken, too.
    if (isOld || !isQuestion) {
      return refuse(255, `Could not lock ${lockFile}: Resource temporarily unavailable.`);
    }
  }
  const installed = readStatus(statusFile);
  switch (command) {
    case 'list-installed':
      for (const one of installed.filter(isThere)) say(`${one.Package} - ${one.Version}`);
      return 0;
    case 'status':
      point(`asked:${readFileSync(`${settingsFile}.calls`, 'utf8').split('status ').length - 1}`);
      for (const one of installed.filter(({ Package }) => Package === names[0])) {
        ports.out(stanzaOf(one));
      }
      return 0;
    case 'files': {
      const one = installed.find(({ Package }) => Package === names[0]);
      if (one === undefined) return refuse(255, `Package ${names[0]} not installed.`);
      say(`Package ${one.Package} (${one.Version}) is installed on root and has these files:`);
      for (const path of files.listOf(one.Package)) say(path);
      return 0;
    }
    case 'install':
    case 'configure': {
      writeFileSync(lockFile, String(ports.pid));
      point('locked');
      const code = command === 'install' ? install(installed, names[0]) : configure(installed);
      rmSync(lockFile, { force: true });
      return code;
    }
    default:
      return refuse(1, `unknown sub-command ${command}`);
  }
}

function isThere({ Status }) {
  return / (installed|unpacked|half-installed)$/.test(Status);
}

/** True if a running process has the lock; the kernel frees the lock of a killed process. */
function isLocked() {
  if (!existsSync(lockFile)) return false;
  const stat = `/proc/${readFileSync(lockFile, 'utf8')}/stat`;
  return existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'utf8'));
}

function say(line) {
  ports.out(`${line}\n`);
}

function complain(line) {
  ports[isOldest ? 'out' : 'err'](`Collected errors:\n * ${line}\n`);
}

function refuse(code, line) {
  complain(line);
  return code;
}

function point(name) {
  if (settings.dieAt === name) {
    writeFileSync(settingsFile, JSON.stringify({ ...settings, dieAt: undefined }));
    ports.kill('SIGKILL');
  }
  if (settings.haltAt === name) {
    writeFileSync(settingsFile, JSON.stringify({ ...settings, haltAt: undefined }));
    writeFileSync(`${settingsFile}.reached`, String(ports.pid));
    wait();
  }
}

/** Waits until FILE.go exists. */
function wait() {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(`${settingsFile}.go`)) Atomics.wait(pause, 0, 0, 20);
}

function install(installed, file) {
  const reads = isOld ? ['gz', 'tar'] : ['gz', 'tar', 'xz', 'zst', 'bz2'];
  const isNamed = existsSync(file) && /\.(ipk|opk|deb)$/.test(file);
  const ipk = isNamed ? openIpk(file, reads) : undefined;
  if (ipk === undefined) return refuse(255, `Malformed package file ${file}.`);
  const { Package, Version, Architecture, Depends } = ipk.fields;
  const old = installed.find((one) => one.Package === Package && isThere(one));
  const isForced = options.forced.includes('--force-reinstall');
  if (isForced && isOldest) {
    ports.kill('SIGSEGV');
  }
  if (!['all', 'cortexa7'].includes(Architecture)) {
    return refuse(isSolver ? 1 : 255, `${Package} is of architecture ${Architecture}.`);
  }
  const missing = (Depends ?? '')
    .split(', ')
    .filter((name) => name !== '' && !installed.some((one) => one.Package === name));
  if (missing.length > 0) {
    return refuse(isSolver ? 1 : 255, `cannot find dependency ${missing[0]} for ${Package}`);
  }
  const answer = byVersion(ipk, old, isForced, file);
  if (answer !== undefined) return answer;
  const free = (settings.capacity ?? Infinity) / 1024;
  if (Number(ipk.fields['Installed-Size'] ?? 0) > free * 1024) {
    return refuse(255, `Only have ${Math.floor(free)}kb available on filesystem /`);
  }
  say(`Installing ${Package} (${Version}) on root.`);
  return put(installed, ipk, old);
}

/** Returns the exit code if the version prevents the install. */
function byVersion({ fields: { Package, Version } }, old, isForced, file) {
  const order = old === undefined ? 1 : compareVersions(Version, old.Version);
  if (order === 0 && isLede && !isForced && / installed$/.test(old.Status)) {
    say(`Package ${Package} (${Version}) installed in root is up to date.`);
    return 0;
  }
  if (order === 0 && !isOld && !isForced && !/half-installed/.test(old.Status)) {
    return refuse(255, `Refusing to load file '${file}' as it matches the installed version.`);
  }
  if (order < 0 && !isSolver) {
    say(`Not downgrading package ${Package} on root from ${old.Version} to ${Version}.`);
    return 0;
  }
  return undefined;
}

function put(installed, ipk, old) {
  const { Package } = ipk.fields;
  const words = isSolver ? 'install ok' : 'install user';
  point('preinst');
  if (!runScript(ipk.scripts.preinst, 'preinst')) {
    if (!isOld) save(installed, ipk, `${words} half-installed`);
    return refuse(255, `preinst script of ${Package} failed.`);
  }
  if (ipk.isCut && !isOld) return refuse(255, `data.tar.gz of ${Package}: truncated gzip input`);
  for (const name of replacedBy(ipk).filter((one) => one !== Package)) files.forget(name);
  files.unpack(ipk);
  point('unpacked');
  files.remember(ipk);
  if (options['-o'] !== undefined) {
    save(installed, ipk, `${words} unpacked`);
    return 0;
  }
  say(`Configuring ${Package}.`);
  point('postinst');
  const isConfigured = runScript(ipk.scripts.postinst, 'postinst');
  save(installed, ipk, `${words} ${isConfigured ? 'installed' : 'unpacked'}`);
  return isConfigured ? 0 : refuse(255, `postinst script of ${old?.Package ?? Package} failed.`);
}

/** Returns the packages that this one replaces or conflicts with; opkg removes them. */
function replacedBy({ fields: { Package, Replaces = '', Conflicts = '' } }) {
  return [Package, ...Replaces.split(', '), ...Conflicts.split(', ')].filter((one) => one !== '');
}

function configure(installed) {
  const one = installed.find(({ Package }) => Package === names[0]);
  if (one === undefined || !one.Status.endsWith('unpacked')) return 0;
  const script = join(home, 'info', `${one.Package}.postinst`);
  const text = existsSync(script) ? readFileSync(script, 'utf8') : undefined;
  point('postinst');
  if (!runScript(text, 'postinst')) return refuse(255, `postinst script of ${names[0]} failed.`);
  one.Status = one.Status.replace('unpacked', 'installed');
  write(installed);
  return 0;
}

function runScript(text, name) {
  if (text === undefined) return true;
  return ports.script(['-c', text, name, 'configure'], { PKG_ROOT: root }) === 0;
}

function save(installed, ipk, Status) {
  const { fields } = ipk;
  const gone = replacedBy(ipk);
  const others = installed.filter((one) => !gone.includes(one.Package));
  const { Package, Version, Architecture } = fields;
  const one = { Package, Version, Status, Architecture };
  // The order of the stanzas is arbitrary.
  write(settings.isStatusLost === true ? [one, ...others] : [...others, one]);
}

/** Writes in place at the end of the run, without a sync. */
function write(installed) {
  const text = installed.map(stanzaOf).join('');
  const half = Math.floor(text.length / 2);
  const file = openSync(statusFile, 'a+');
  ftruncateSync(file);
  point('status-empty');
  writeSync(file, text.slice(0, half));
  point('status-half');
  if (settings.isStatusLost !== true) writeSync(file, text.slice(half));
  closeSync(file);
  point('status-written');
}
