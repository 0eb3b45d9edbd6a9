// An .ipk: debian-binary, control.tar and data.tar, each compressed or not. Read from flash as a
// stream, with bounded memory. Nothing of its data is unpacked.
import { AssertionError } from '../../assert.ts';
import { controlBytesMax } from '../../limits.ts';
import { createReader, gunzipped, isUnsupported, sourceOfBytes } from '../byte-stream.ts';
import { sourceOfFile, unzstd } from '../byte-stream.ts';
import { cleanPath, entriesOf, formOf, membersOf } from './archive.ts';
import { fieldsOf } from './status-file.ts';
import type { Disk } from '../../host/ports.ts';
import type { Bytes, Source } from '../byte-stream.ts';
import type { Head } from '../installer.ts';
import type { Member, TarEntry } from './archive.ts';

export type Readable<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

export type Control = {
  readonly package: string;
  readonly version: string;
  /** Paths as in `IpkFile`; their contents belong to the device. */
  readonly conffiles: readonly string[];
  /** A postinst may change or remove files of its package. */
  readonly hasPostinst: boolean;
  readonly architecture: string;
};

/** Decompresses a control archive that this process cannot decompress. Throws an Error. */
export type Unpack = (member: Member) => Promise<Bytes>;

/** `path` is relative to the root, without `.` and `..`. */
export type IpkFile = TarEntry & { readonly path: string };

/** `opaque`: this process cannot decompress the data. */
export type Walk =
  | { readonly kind: 'walked'; readonly count: number }
  | { readonly kind: 'opaque'; readonly member: string };

export async function readControl(
  disk: Disk,
  path: string,
  unpack: Unpack,
): Promise<Readable<Control>> {
  return readArchive(disk, path, async (source) => {
    for await (const member of membersOf(source)) {
      if (!member.name.startsWith('control.tar')) continue;
      // Awaited here, because the return closes the archive.
      return await controlOf(contentOf(member) ?? (await unpack(member)));
    }
    throw new Error('there is no control.tar.gz in it');
  });
}

/** Visits every entry of the data. Reads all bytes, so it also verifies the archive. */
export async function walkFiles(
  disk: Disk,
  path: string,
  visit: (file: IpkFile) => Promise<void> | void,
): Promise<Readable<Walk>> {
  return readArchive(disk, path, async (source) => {
    let walk: Walk | undefined;
    for await (const member of membersOf(source)) {
      if (member.name.startsWith('data.tar')) walk = await walkOf(member, visit);
    }
    if (walk === undefined) throw new Error('there is no data.tar.gz in it');
    return walk;
  });
}

async function readArchive<T>(
  disk: Disk,
  path: string,
  read: (source: Source) => Promise<T>,
): Promise<Readable<T>> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return { ok: false, reason: `${opened.code} ${opened.reason}` };
  try {
    return { ok: true, value: await read(sourceOfFile(opened.value)) };
  } catch (error) {
    if (error instanceof AssertionError || !(error instanceof Error)) throw error;
    return { ok: false, reason: error.message };
  } finally {
    await opened.value.close();
  }
}

async function walkOf(
  member: Member,
  visit: (file: IpkFile) => Promise<void> | void,
): Promise<Walk> {
  const opaque = { kind: 'opaque', member: member.name } as const;
  const data = contentOf(member);
  if (data === undefined) return opaque;
  let count = 0;
  try {
    for await (const entry of entriesOf(data)) {
      const path = cleanPath(entry.name);
      if (path === '') continue;
      if (entry.kind !== 'directory') count += 1;
      await visit({ ...entry, path });
    }
  } catch (error) {
    if (isUnsupported(error)) return opaque;
    throw error;
  }
  return { kind: 'walked', count };
}

/** Undefined: this process cannot decompress the member. */
function contentOf({ name, content }: Member): Bytes | undefined {
  if (name.endsWith('.tar.gz')) return gunzipped(content);
  if (name.endsWith('.tar.zst')) return unzstd(content);
  return name.endsWith('.tar') ? content : undefined;
}

async function controlOf(data: Bytes): Promise<Control> {
  let fields: ReadonlyMap<string, string> = new Map();
  let conffiles: readonly string[] = [];
  let hasPostinst = false;
  for await (const entry of entriesOf(data)) {
    const path = cleanPath(entry.name);
    if (path === 'control') fields = fieldsOf(await textOf(entry));
    if (path === 'postinst') hasPostinst = true;
    if (path === 'conffiles') {
      const lines = (await textOf(entry)).split('\n');
      conffiles = lines.map((line) => cleanPath(line.trim())).filter((one) => one !== '');
    }
  }
  const name = fields.get('package') ?? '';
  const version = fields.get('version') ?? '';
  // Name and version become arguments of opkg: neither an option nor a pattern.
  if (!/^[A-Za-z0-9][A-Za-z0-9+._-]*$/.test(name)) throw new Error('its control names no package');
  if (!/^[A-Za-z0-9][A-Za-z0-9+._:~-]*$/.test(version)) {
    throw new Error('its control names no version');
  }
  const architecture = fields.get('architecture') ?? '';
  return { package: name, version, conffiles, hasPostinst, architecture };
}

async function textOf({ name, content, sizeBytes }: TarEntry): Promise<string> {
  if (sizeBytes > controlBytesMax) throw new Error(`${name} has ${sizeBytes} bytes`);
  const data = await createReader(content).take(sizeBytes);
  return data.toString('utf8');
}

// ---------------------------------------------------------------- formats

/**
 * Returns true if the members are those of an .ipk, in any order. Their names decide:
 * debian-binary, two others, or one if the head ends before the next.
 */
export async function isIpk({ bytes, isWhole }: Head): Promise<boolean> {
  const seen = new Set<string>();
  try {
    for await (const { name } of membersOf(sourceOfBytes(bytes))) {
      const part = /^debian-binary$|^(?:control|data)(?=\.tar(?:\.\w+)?$)/.exec(name)?.[0];
      if (part === undefined) return false;
      seen.add(part);
      if (seen.has('debian-binary') || seen.size === 2) return true;
    }
  } catch {
    // The head ends within a member, or the archive is damaged.
  }
  return !isWhole && seen.size > 0;
}

/** Architectures of Debian that no distribution with opkg uses. */
const debianArchitectures = new Set([
  'amd64',
  'arm64',
  'armel',
  'armhf',
  'i386',
  'loong64',
  'mips64el',
  'ppc64el',
  'riscv64',
  's390x',
]);

/**
 * Returns a sentence for the report, or nothing if the payload does not look like a .deb. A .deb
 * has the format of an .ipk in an ar archive, so the agent never refuses it for its form.
 * `isUnread`: its control archive could not be read, so the compression is a sign as well.
 */
export async function debianHint(
  disk: Disk,
  path: string,
  architecture: string,
  isUnread: boolean,
): Promise<string> {
  const found = await readArchive(disk, path, async (source) => {
    const form = await formOf(source);
    for await (const { name } of membersOf(source)) {
      if (name.startsWith('control.tar')) return { form, control: name };
    }
    return { form, control: '' };
  });
  if (!found.ok || found.value.form !== 'ar') return '';
  const { control } = found.value;
  const isForeign = debianArchitectures.has(architecture);
  if (!isForeign && !(isUnread && /\.(xz|zst)$/.test(control))) return '';
  const sign = isForeign ? `Architecture ${architecture}` : control;
  const line = isForeign ? ` has a line "arch ${architecture} 10"` : ' accepts it';
  return (
    `the payload looks like a Debian package (.deb, ${sign}): install it with dpkg -i through ` +
    `[installer.command] and a rule in installer.rules, or with opkg if its configuration${line}; `
  );
}
