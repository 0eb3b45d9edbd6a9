// Decompresses a control archive that this Node cannot decompress (xz, bz2; zstd before Node
// 22.15), with the program of that name. opkg needs no such program, so it may be missing.
import { askTimeMs, controlBytesMax, controlTarBytesMax } from '../../limits.ts';
import { createReader, onePiece } from '../byte-stream.ts';
import { readWhole, writeWhole } from '../files.ts';
import { createRun, isSuccess, resultSummary } from '../program.ts';
import type { Disk, Runner } from '../../host/ports.ts';
import type { Member } from './archive.ts';
import type { Unpack } from './ipk.ts';

const programs: { readonly [ending: string]: string } = {
  xz: 'xz',
  lzma: 'xz',
  bz2: 'bzip2',
  zst: 'zstd',
  lz4: 'lz4',
};

/**
 * The unit of `ulimit -f` in dash and BusyBox; a shell that counts in KiB permits twice as much.
 */
const limitUnitBytes = 512;

/** Writes two files into `folder`, and removes them afterwards. */
export function createUnpack(disk: Disk, runner: Runner, folder: string): Unpack {
  const [packed, unpacked] = [`${folder}/control.packed`, `${folder}/control.tar`];

  async function unpack(member: Member) {
    const program = programs[member.name.slice(member.name.lastIndexOf('.') + 1)];
    if (program === undefined) throw new Error(`${member.name} has an unknown compression`);
    const data = await createReader(member.content).take(controlBytesMax + 1);
    if (data.length > controlBytesMax) throw new Error(`${member.name} is larger than allowed`);
    const written = await writeWhole(disk, packed, data);
    if (!written.ok) throw new Error(`cannot write ${packed}: ${written.reason}`);
    // The limit ends a program with a larger output.
    const script = 'ulimit -f "$1" && exec "$2" -dc <"$3" >"$4"';
    const limit = String(controlTarBytesMax / limitUnitBytes);
    const result = await createRun(runner)({
      program: 'sh',
      args: ['-c', script, 'sh', limit, program, packed, unpacked],
      timeLimitMs: askTimeMs,
    });
    if (result.kind === 'exited' && [126, 127].includes(result.exitCode)) {
      throw new Error(
        `${member.name} needs the program ${program}, which is not installed: install it, ` +
          'or build the package with control.tar.gz',
      );
    }
    if (!isSuccess(result)) {
      throw new Error(`cannot unpack ${member.name}: ${resultSummary(program, result)}`);
    }
    const read = await readWhole(disk, unpacked, 2 * controlTarBytesMax);
    if (!read.ok) throw new Error(`cannot read ${unpacked}: ${read.reason}`);
    return read.value;
  }

  return async (member) => {
    try {
      return onePiece(await unpack(member));
    } finally {
      await disk.remove(packed);
      await disk.remove(unpacked);
    }
  };
}
