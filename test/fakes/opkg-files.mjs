// The file operations of the fake opkg: unpacks archives, records the owner of each file, removes
// files.
import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { clean, stanzaOf } from './opkg-parts.mjs';

export function createFiles({ settings, isOld, root, home, point, say }) {
  const info = join(home, 'info');

  function unpack({ files, conffiles }) {
    let room = settings.capacity ?? Infinity;
    for (const [at, entry] of files.filter(({ type }) => type !== '5').entries()) {
      point(`unpack:${at}`);
      room = put(entry, room, conffiles);
    }
    for (const { name } of files.filter(({ type }) => type === '5')) {
      mkdirSync(join(root, clean(name)), { recursive: true });
    }
  }

  /** Returns the space that is left. */
  function put({ name, type, data, target, size }, room, conffiles) {
    const path = join(root, clean(name));
    // In a truncated archive the last entry has fewer bytes than its header states.
    const isKept = conffiles.includes(clean(name)) && existsSync(path);
    const to = isKept && !readFileSync(path).equals(data) ? `${path}-opkg` : path;
    mkdirSync(dirname(to), { recursive: true });
    if (existsSync(to) || isLink(to)) rmSync(to);
    if (type === '1') linkSync(join(root, clean(target)), to);
    else if (type === '2') symlinkSync(target, to);
    else if (type === '6') spawnSync('mkfifo', [to]);
    else {
      const fitting = Math.max(0, Math.min(size, room));
      writeFileSync(to, data.subarray(0, fitting));
      if (size > room) full(to, name, size);
      return room - size;
    }
    return room;
  }

  /** 0.6 sets the full size; the part that did not fit is zeros. */
  function full(path, name, size) {
    if (!isOld) truncateSync(path, size);
    if (settings.isQuiet === true) return;
    if (isOld) say(`Warning when extracting archive entry '${name}': (errno=28)`);
    else say(`Write failed (errno=28)`);
  }

  function isLink(path) {
    try {
      return lstatSync(path).isSymbolicLink();
    } catch {
      return false;
    }
  }

  function remember({ fields, scripts, files }) {
    mkdirSync(info, { recursive: true });
    const { Package } = fields;
    writeFileSync(join(info, `${Package}.control`), stanzaOf(fields));
    const paths = files.filter(({ type }) => type !== '5').map(({ name }) => `/${clean(name)}`);
    // 0.6 writes the mode after each path.
    const lines = paths.map((path) => (isOld ? `${path}\n` : `${path}\t0100644\n`));
    writeFileSync(join(info, `${Package}.list`), lines.join(''));
    const { postinst } = scripts;
    if (postinst !== undefined) writeFileSync(join(info, `${Package}.postinst`), postinst);
  }

  function listOf(name) {
    const file = join(info, `${name}.list`);
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return text.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')[0]]));
  }

  /** Removes a replaced package: its files, except those that the new package has, too. */
  function forget(name) {
    for (const path of listOf(name)) rmSync(join(root, path), { force: true });
    for (const kind of ['control', 'list', 'postinst']) {
      rmSync(join(info, `${name}.${kind}`), { force: true });
    }
  }

  return { unpack, remember, listOf, forget };
}
