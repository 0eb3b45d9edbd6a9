// The outer archive of an .ipk: an ar, or a gzipped tar. Its members may come in any order.
import { bytesOf, createReader, gunzipped } from './byte-stream.ts';
import { entriesOf } from './tar.ts';
import type { DiskFile } from '../../host/ports.ts';
import type { Bytes, Reader } from './byte-stream.ts';

export type Shape = 'ar' | 'tar';

export type Member = { readonly name: string; readonly content: Bytes };

const arMagic = '!<arch>\n';

export async function shapeOf(file: DiskFile): Promise<Shape | undefined> {
  const head = await file.read(0, arMagic.length);
  if (!head.ok) throw new Error(`${head.code} ${head.reason}`);
  const start = Buffer.from(head.value);
  if (start.toString('latin1') === arMagic) return 'ar';
  return start[0] === 0x1f && start[1] === 0x8b ? 'tar' : undefined;
}

export async function* membersOf(file: DiskFile): AsyncGenerator<Member> {
  const shape = await shapeOf(file);
  if (shape === undefined) throw new Error('neither ar nor gzip');
  if (shape === 'ar') yield* arMembers(createReader(bytesOf(file, arMagic.length)));
  else {
    for await (const { name, kind, content } of entriesOf(gunzipped(bytesOf(file, 0)))) {
      if (kind === 'file') yield { name: cleanPath(name), content };
    }
  }
}

/**
 * Returns true if the members are those of an .ipk, in any order. Reads only as far as their names
 * leave it open: to debian-binary, or to the first name that is foreign.
 */
export async function isIpk(file: DiskFile): Promise<boolean> {
  const seen = new Set<string>();
  try {
    for await (const { name } of membersOf(file)) {
      const part = /^debian-binary$|^(?:control|data)(?=\.tar(?:\.\w+)?$)/.exec(name)?.[0];
      if (part === undefined) return false;
      seen.add(part);
      if (seen.has('debian-binary') || seen.size === 2) return true;
    }
  } catch {
    // Cut or damaged, and not recognized so far.
  }
  return false;
}

/** Relative to the root, without `.` and empty parts. */
export function cleanPath(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Error(`a path that leaves the root: ${name}`);
  return parts.join('/');
}

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
