// An .ipk: debian-binary, control.tar.gz and data.tar.gz, in an ar or in a gzipped tar. Read from
// flash as a stream, with bounded memory; nothing is ever unpacked here.
import { AssertionError } from '../../assert.ts';
import { controlBytesMax } from '../../limits.ts';
import { bytesOf, createReader, gunzipped } from './bytes.ts';
import { fieldsOf } from './status.ts';
import { entriesOf } from './tar.ts';
import type { Disk, DiskFile } from '../../host/ports.ts';
import type { Bytes, Reader } from './bytes.ts';
import type { TarEntry } from './tar.ts';

export type Judged<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

export type Control = {
  readonly package: string;
  readonly version: string;
  /** Paths like those of `IpkFile`; their contents are the device's own. */
  readonly conffiles: readonly string[];
};

/** `path` is relative to the root, without `.` and `..`. */
export type IpkFile = TarEntry & { readonly path: string };

/** `opaque`: the data are compressed in a way that is not read here. */
export type Walk =
  | { readonly kind: 'walked'; readonly count: number }
  | { readonly kind: 'opaque'; readonly member: string };

type Member = { readonly name: string; readonly content: Bytes };

export async function readControl(disk: Disk, path: string): Promise<Judged<Control>> {
  return judged(disk, path, async (members) => {
    for await (const member of members) {
      if (!member.name.startsWith('control.tar')) continue;
      const data = unpacked(member);
      if (data === undefined) throw new Error(`${member.name} is not compressed with gzip`);
      // Awaited here: to return is to close the archive.
      return await controlOf(data);
    }
    throw new Error('there is no control.tar.gz in it');
  });
}

/** Every entry of the data, to the last byte: even a visitor that does nothing proves them. */
export async function walkFiles(
  disk: Disk,
  path: string,
  visit: (file: IpkFile) => Promise<void> | void,
): Promise<Judged<Walk>> {
  return judged(disk, path, async (members) => {
    let walk: Walk | undefined;
    for await (const member of members) {
      if (!member.name.startsWith('data.tar')) continue;
      const data = unpacked(member);
      if (data === undefined) walk = { kind: 'opaque', member: member.name };
      else walk = { kind: 'walked', count: await visitAll(data, visit) };
    }
    if (walk === undefined) throw new Error('there is no data.tar.gz in it');
    return walk;
  });
}

async function judged<T>(
  disk: Disk,
  path: string,
  judge: (members: AsyncGenerator<Member>) => Promise<T>,
): Promise<Judged<T>> {
  const opened = await disk.open(path, 'read');
  if (!opened.ok) return { ok: false, reason: `${opened.code} ${opened.reason}` };
  try {
    return { ok: true, value: await judge(membersOf(opened.value)) };
  } catch (error) {
    if (error instanceof AssertionError || !(error instanceof Error)) throw error;
    return { ok: false, reason: error.message };
  } finally {
    await opened.value.close();
  }
}

async function visitAll(
  data: Bytes,
  visit: (file: IpkFile) => Promise<void> | void,
): Promise<number> {
  let count = 0;
  for await (const entry of entriesOf(data)) {
    const path = pathOf(entry.name);
    if (path === '' || entry.kind === 'directory') continue;
    count += 1;
    await visit({ ...entry, path });
  }
  return count;
}

function unpacked({ name, content }: Member): Bytes | undefined {
  if (name.endsWith('.tar.gz')) return gunzipped(content);
  return name.endsWith('.tar') ? content : undefined;
}

async function controlOf(data: Bytes): Promise<Control> {
  let fields: ReadonlyMap<string, string> = new Map();
  let conffiles: readonly string[] = [];
  for await (const entry of entriesOf(data)) {
    const path = pathOf(entry.name);
    if (path === 'control') fields = fieldsOf(await textOf(entry));
    if (path === 'conffiles') {
      const lines = (await textOf(entry)).split('\n');
      conffiles = lines.map((line) => pathOf(line.trim())).filter((one) => one !== '');
    }
  }
  const name = fields.get('package') ?? '';
  const version = fields.get('version') ?? '';
  // They become arguments of opkg: no option, no pattern.
  if (!/^[A-Za-z0-9][A-Za-z0-9+._-]*$/.test(name)) throw new Error('its control names no package');
  if (!/^[A-Za-z0-9][A-Za-z0-9+._:~-]*$/.test(version)) {
    throw new Error('its control names no version');
  }
  return { package: name, version, conffiles };
}

async function textOf({ name, content, sizeBytes }: TarEntry): Promise<string> {
  if (sizeBytes > controlBytesMax) throw new Error(`${name} has ${sizeBytes} bytes`);
  const data = await createReader(content).take(sizeBytes);
  return data.toString('utf8');
}

function pathOf(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Error(`a path that leaves the root: ${name}`);
  return parts.join('/');
}

// ---------------------------------------------------------------- the two outer shapes

async function* membersOf(file: DiskFile): AsyncGenerator<Member> {
  const head = await file.read(0, arMagic.length);
  if (!head.ok) throw new Error(`${head.code} ${head.reason}`);
  const start = Buffer.from(head.value);
  if (start.toString('latin1') === arMagic) {
    yield* arMembers(createReader(bytesOf(file, arMagic.length)));
  } else if (start[0] === 0x1f && start[1] === 0x8b) {
    for await (const { name, content } of entriesOf(gunzipped(bytesOf(file, 0)))) {
      yield { name: pathOf(name), content };
    }
  } else throw new Error('neither ar nor gzip');
}

const arMagic = '!<arch>\n';

async function* arMembers(reader: Reader): AsyncGenerator<Member> {
  for (;;) {
    const header = (await reader.take(60)).toString('latin1');
    if (header === '') return;
    const [, name = '', digits = ''] =
      /^(.{16}).{32}(\d{1,10}) *`\n$/s.exec(header.length === 60 ? header : '') ?? [];
    if (digits === '') throw new Error('a bad ar header, or it ends early');
    let left = Number(digits);
    const padding = left % 2;
    async function* content(): AsyncGenerator<Uint8Array> {
      while (left > 0) {
        const piece = await reader.some(left);
        left -= piece.length;
        yield piece;
      }
    }
    yield { name: name.trimEnd().replace(/\/$/, ''), content: content() };
    while (left > 0) left -= (await reader.some(left)).length;
    await reader.take(padding);
  }
}
