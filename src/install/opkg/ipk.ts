// An .ipk: debian-binary, control.tar and data.tar, each compressed or not. Read from flash as a
// stream, with bounded memory; no file of the data is ever unpacked here.
import { AssertionError } from '../../assert.ts';
import { controlBytesMax } from '../../limits.ts';
import { createReader, gunzipped, isBeyondUs, unzstd } from './byte-stream.ts';
import { cleanPath, membersOf, shapeOf } from './members.ts';
import { fieldsOf } from './status.ts';
import { entriesOf } from './tar.ts';
import type { Disk, DiskFile } from '../../host/ports.ts';
import type { Bytes } from './byte-stream.ts';
import type { Member, Shape } from './members.ts';
import type { TarEntry } from './tar.ts';

export type Judged<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

export type Control = {
  readonly package: string;
  readonly version: string;
  /** Paths like those of `IpkFile`; their contents are the device's own. */
  readonly conffiles: readonly string[];
  /** It may change or remove files of its package. */
  readonly hasPostinst: boolean;
  readonly architecture: string;
};

/** Unpacks a control archive in a compression that this process cannot read. Throws an Error. */
export type Unpack = (member: Member) => Promise<Bytes>;

/** `path` is relative to the root, without `.` and `..`. */
export type IpkFile = TarEntry & { readonly path: string };

/** `opaque`: the data are compressed in a way that is not read here. */
export type Walk =
  | { readonly kind: 'walked'; readonly count: number }
  | { readonly kind: 'opaque'; readonly member: string };

export async function readControl(
  disk: Disk,
  path: string,
  unpack: Unpack,
): Promise<Judged<Control>> {
  return judged(disk, path, async (file) => {
    for await (const member of membersOf(file)) {
      if (!member.name.startsWith('control.tar')) continue;
      // Awaited here: to return is to close the archive.
      return await controlOf(inside(member) ?? (await unpack(member)));
    }
    throw new Error('there is no control.tar.gz in it');
  });
}

/** What the archive looks like from outside. */
export type Form = { readonly shape: Shape | undefined; readonly control: string };

export async function readForm(disk: Disk, path: string): Promise<Judged<Form>> {
  return judged(disk, path, async (file) => {
    const shape = await shapeOf(file);
    for await (const { name } of membersOf(file)) {
      if (name.startsWith('control.tar')) return { shape, control: name };
    }
    return { shape, control: '' };
  });
}

/** Every entry of the data, to the last byte: even a visitor that does nothing proves them. */
export async function walkFiles(
  disk: Disk,
  path: string,
  visit: (file: IpkFile) => Promise<void> | void,
): Promise<Judged<Walk>> {
  return judged(disk, path, async (file) => {
    let walk: Walk | undefined;
    for await (const member of membersOf(file)) {
      if (member.name.startsWith('data.tar')) walk = await walkOf(member, visit);
    }
    if (walk === undefined) throw new Error('there is no data.tar.gz in it');
    return walk;
  });
}

async function judged<T>(
  disk: Disk,
  path: string,
  judge: (file: DiskFile) => Promise<T>,
): Promise<Judged<T>> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return { ok: false, reason: `${opened.code} ${opened.reason}` };
  try {
    return { ok: true, value: await judge(opened.value) };
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
  const data = inside(member);
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
    if (isBeyondUs(error)) return opaque;
    throw error;
  }
  return { kind: 'walked', count };
}

/** Undefined: compressed in a way that is not read here. */
function inside({ name, content }: Member): Bytes | undefined {
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
  // They become arguments of opkg: no option, no pattern.
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
