// A control archive in a compression that this Node cannot read (xz, bz2; zstd before Node 22.15)
// is unpacked by the program of that name. opkg itself needs no such program, so it may be missing.
import { askTimeMs, controlBytesMax, controlTarBytesMax, outputBytesMax } from '../../limits.ts';
import { environment } from '../environment.ts';
import { tailOf } from '../describe-result.ts';
import { createReader } from './byte-stream.ts';
import { readWhole, writeWhole } from './status.ts';
import type { Disk, Runner } from '../../host/ports.ts';
import type { Unpack } from './ipk.ts';
import type { Member } from './members.ts';

const programs: { readonly [ending: string]: string } = {
  xz: 'xz',
  lzma: 'xz',
  bz2: 'bzip2',
  zst: 'zstd',
  lz4: 'lz4',
};

/** Of `ulimit -f` in dash and BusyBox; a shell that counts in KiB allows twice as much. */
const limitUnitBytes = 512;

/** Both files are in `folder`, and are removed afterwards. */
export function createUnpack(disk: Disk, runner: Runner, folder: string): Unpack {
  const [packed, unpacked] = [`${folder}/control.packed`, `${folder}/control.tar`];

  async function unpack(member: Member) {
    const program = programs[member.name.slice(member.name.lastIndexOf('.') + 1)];
    if (program === undefined) throw new Error(`${member.name} has an unknown compression`);
    const data = await createReader(member.content).take(controlBytesMax + 1);
    if (data.length > controlBytesMax) throw new Error(`${member.name} is larger than allowed`);
    const written = await writeWhole(disk, packed, data);
    if (!written.ok) throw new Error(`cannot write ${packed}: ${written.reason}`);
    // The limit ends a program whose output is larger.
    const script = 'ulimit -f "$1" && exec "$2" -dc <"$3" >"$4"';
    const limit = String(controlTarBytesMax / limitUnitBytes);
    const result = await runner({
      program: 'sh',
      args: ['-c', script, 'sh', limit, program, packed, unpacked],
      environment,
      timeLimitMs: askTimeMs,
      outputBytesMax,
    });
    if (result.kind === 'exited' && [126, 127].includes(result.exitCode)) {
      throw new Error(
        `${member.name} needs the program ${program}, which is not there: install it, ` +
          'or build the package with control.tar.gz',
      );
    }
    if (result.kind !== 'exited' || result.exitCode !== 0) {
      throw new Error(`cannot unpack ${member.name}: ${tailOf(program, result)}`);
    }
    const read = await readWhole(disk, unpacked);
    if (!read.ok) throw new Error(`cannot read ${unpacked}: ${read.reason}`);
    return read.value;
  }

  return async (member) => {
    try {
      return bytesIn(await unpack(member));
    } finally {
      await disk.remove(packed);
      await disk.remove(unpacked);
    }
  };
}

async function* bytesIn(data: Uint8Array): AsyncGenerator<Uint8Array> {
  if (data.length > 0) yield data;
}
