// The parts of the fake opkg: archives (also truncated ones), the status file, versions.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { constants, gunzipSync } from 'node:zlib';

/**
 * Returns the entries of an .ipk: { fields, scripts, conffiles, files, isCut }; undefined if this
 * opkg cannot read its control. `reads` are the compressions that this opkg supports (`gz`, `xz`,
 * `zst`, `bz2`). Data with another compression has no entries and causes no error.
 */
export function openIpk(path, reads) {
  const outer = readFileSync(path);
  const isAr = outer.toString('latin1', 0, 8) === '!<arch>\n';
  const members = isAr ? arMembers(outer) : tarEntries(inflate(outer));
  const named = (start) => members.find(({ name }) => clean(name).startsWith(start));
  const [control, data] = [named('control.tar'), named('data.tar')];
  if (named('debian-binary') === undefined || control === undefined || data === undefined) {
    return undefined;
  }
  if (!reads.includes(compressionOf(control))) return undefined;
  const inside = tarEntries(unpacked(control));
  const text = (name) => inside.find((one) => clean(one.name) === name)?.data.toString();
  const isReadable = reads.includes(compressionOf(data));
  return {
    fields: fieldsOf(text('control') ?? ''),
    scripts: { preinst: text('preinst'), postinst: text('postinst') },
    conffiles: (text('conffiles') ?? '').split('\n').map(clean),
    files: isReadable ? tarEntries(unpacked(data)).filter(({ name }) => clean(name) !== '') : [],
    isCut: compressionOf(data) === 'gz' && !isInflatable(data.data),
  };
}

export const clean = (path) => path.replace(/^(\.?\/)+/, '').replace(/\/$/, '');

const compressionOf = ({ name }) => /\.tar(?:\.(\w+))?$/.exec(name)?.[1] ?? 'tar';

function unpacked(member) {
  const program = { xz: 'xz', bz2: 'bzip2', zst: 'zstd' }[compressionOf(member)];
  if (program === undefined) return inflate(member.data);
  const options = { input: member.data, maxBuffer: 2 ** 28 };
  return spawnSync(program, ['-dc'], options).stdout ?? Buffer.alloc(0);
}

/** Inflates as much as there is: a truncated stream causes no error. */
function inflate(data) {
  if (data[0] !== 0x1f) return data;
  try {
    return gunzipSync(data, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return Buffer.alloc(0);
  }
}

function isInflatable(data) {
  try {
    gunzipSync(data);
    return true;
  } catch {
    return false;
  }
}

function arMembers(data) {
  const members = [];
  for (let at = 8; at + 60 <= data.length; ) {
    const name = data
      .toString('latin1', at, at + 16)
      .trim()
      .replace(/\/$/, '');
    const size = Number(data.toString('latin1', at + 48, at + 58));
    members.push({ name, data: data.subarray(at + 60, at + 60 + size) });
    at += 60 + size + (size % 2);
  }
  return members;
}

function tarEntries(data) {
  const entries = [];
  let extra = {};
  for (let at = 0; at + 512 <= data.length && data[at] !== 0; ) {
    const type = String.fromCharCode(data[at + 156]);
    const size = parseInt(data.toString('latin1', at + 124, at + 135), 8) || 0;
    const content = data.subarray(at + 512, at + 512 + size);
    const field = (from, length) =>
      data.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '');
    const whole = content.toString().replace(/\0.*$/s, '');
    if (type === 'L') extra.path = whole;
    else if (type === 'K') extra.linkpath = whole;
    else if (type === 'x') extra = { ...extra, ...paxOf(content) };
    else if (type !== 'g') {
      const [name, target] = [extra.path ?? field(0, 100), extra.linkpath ?? field(157, 100)];
      entries.push({ name, type, size, target, data: content });
      extra = {};
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return entries;
}

function paxOf(data) {
  const records = data
    .toString()
    .split('\n')
    .filter((line) => line.includes('='));
  return Object.fromEntries(records.map((line) => line.replace(/^\d+ /, '').split(/=(.*)/s)));
}

export function fieldsOf(text) {
  const pairs = text.split('\n').flatMap((line) => {
    const found = /^(\S+): (.*)$/.exec(line);
    return found === null ? [] : [[found[1], found[2]]];
  });
  return Object.fromEntries(pairs);
}

export function readStatus(path) {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    return [];
  }
  const parts = readFileSync(path, 'utf8').split('\n\n');
  return parts.map(fieldsOf).filter((one) => one.Package !== undefined);
}

export function stanzaOf(fields) {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`);
  return `${lines.join('')}\n`;
}

/** Compares numbers as numbers, the rest as text; sufficient for the versions of the tests. */
export function compareVersions(a, b) {
  const [left, right] = [a, b].map((text) => text.match(/\d+|[^\d.-]+/g) ?? []);
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [one = '', other = ''] = [left[at], right[at]];
    const order = Number(one) - Number(other) || (one < other ? -1 : one > other ? 1 : 0);
    if (order !== 0) return order;
  }
  return 0;
}
