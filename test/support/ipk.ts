// Makes .ipk files: control and data, in an ar or in a gzipped tar, like opkg-build.
import { spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';

export type IpkSpec = {
  readonly package: string;
  readonly version: string;
  /** Further fields of the control file, with their names there. */
  readonly fields?: { readonly [name: string]: string };
  readonly files: { readonly [path: string]: string | Uint8Array };
  readonly links?: { readonly [path: string]: string };
  readonly hardLinks?: { readonly [path: string]: string };
  /** Directories in addition to those that the files need. */
  readonly folders?: readonly string[];
  readonly fifos?: readonly string[];
  readonly conffiles?: readonly string[];
  readonly preinst?: string;
  readonly postinst?: string;
};

export type TarFile = {
  readonly name: string;
  readonly data?: string | Uint8Array;
  readonly type?: string;
  readonly target?: string;
};

export type Shape = 'ar' | 'tar';
export type Compression = 'gz' | 'xz' | 'zst' | 'bz2';

export function compressed(data: Uint8Array, how: Compression): Buffer {
  if (how === 'gz') return gzipSync(data);
  const program = { xz: 'xz', zst: 'zstd', bz2: 'bzip2' }[how];
  const ran = spawnSync(program, ['-c'], { input: data, maxBuffer: 2 ** 28 });
  if (ran.status !== 0) throw new Error(`${program}: ${ran.error?.message ?? ran.stderr}`);
  return ran.stdout;
}

/** Like `ipkOf`, with other compressions of control and data. */
export function ipkWith(spec: IpkSpec, data: Compression, control: Compression = 'gz'): Buffer {
  const [binary, , last] = membersOf(spec, compressed(dataTarOf(spec), data), `data.tar.${data}`);
  if (binary === undefined || last === undefined) throw new Error('an .ipk has three members');
  const middle = compressed(controlTarOf(spec), control);
  return packed([binary, { name: `control.tar.${control}`, data: middle }, last], 'ar');
}

export function ipkOf(spec: IpkSpec, shape: Shape = 'ar'): Buffer {
  const data = gzipSync(dataTarOf(spec));
  return packed(membersOf(spec, data), shape);
}

export function membersOf(spec: IpkSpec, data: Uint8Array, dataName = 'data.tar.gz'): TarFile[] {
  return [
    { name: 'debian-binary', data: '2.0\n' },
    { name: 'control.tar.gz', data: gzipSync(controlTarOf(spec)) },
    { name: dataName, data },
  ];
}

export function packed(members: readonly TarFile[], shape: Shape): Buffer {
  if (shape === 'ar') return arOf(members);
  return gzipSync(tarOf(members.map((one) => ({ ...one, name: `./${one.name}` }))));
}

export function controlTarOf(spec: IpkSpec): Buffer {
  const { fields, conffiles, preinst, postinst } = spec;
  const all = { Package: spec.package, Version: spec.version, Architecture: 'all', ...fields };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\n`);
  const files: TarFile[] = [
    { name: './', type: '5' },
    { name: './control', data: lines.join('') },
  ];
  if (conffiles !== undefined) {
    files.push({ name: './conffiles', data: conffiles.map((path) => `/${path}\n`).join('') });
  }
  if (preinst !== undefined) files.push({ name: './preinst', data: preinst });
  if (postinst !== undefined) files.push({ name: './postinst', data: postinst });
  return tarOf(files);
}

export function dataTarOf({ files, links = {}, hardLinks = {}, ...more }: IpkSpec): Buffer {
  const folders = new Set<string>(more.folders?.map((path) => `./${path}/`));
  for (const path of [...Object.keys(files), ...Object.keys(links)]) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      folders.add(`./${parts.slice(0, depth).join('/')}/`);
    }
  }
  return tarOf([
    ...[...folders].sort().map((name) => ({ name, type: '5' })),
    ...Object.entries(files).map(([path, data]) => ({ name: `./${path}`, data })),
    ...Object.entries(links).map(([path, target]) => ({ name: `./${path}`, type: '2', target })),
    ...Object.entries(hardLinks).map(([path, target]) => ({
      name: `./${path}`,
      type: '1',
      target: `./${target}`,
    })),
    ...(more.fifos ?? []).map((path) => ({ name: `./${path}`, type: '6' })),
  ]);
}

export function tarOf(files: readonly TarFile[]): Buffer {
  return Buffer.concat([...files.flatMap(entryOf), Buffer.alloc(1024)]);
}

function entryOf({ name, data = '', type = '0', target = '' }: TarFile): readonly Buffer[] {
  const content = Buffer.from(data);
  // GNU tar writes a long name as a separate entry before the file's.
  const long = Buffer.byteLength(name) > 100 ? entryOf(longName(name, 'L')) : [];
  const far = Buffer.byteLength(target) > 100 ? entryOf(longName(target, 'K')) : [];
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(target, 157, 100);
  header.write('ustar  \0', 257);
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return [...long, ...far, header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
}

function longName(name: string, type: string): TarFile {
  return { name: '././@LongLink', type, data: `${name}\0` };
}

function arOf(members: readonly TarFile[]): Buffer {
  const parts: Buffer[] = [Buffer.from('!<arch>\n')];
  for (const { name, data = '' } of members) {
    const content = Buffer.from(data);
    const head = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}`;
    parts.push(Buffer.from(`${head}${'100644'.padEnd(8)}${`${content.length}`.padEnd(10)}\`\n`));
    parts.push(content, Buffer.alloc(content.length % 2, '\n'));
  }
  return Buffer.concat(parts);
}
