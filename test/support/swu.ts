// Makes real, signed .swu archives, like a build system: sw-description, its CMS signature, and the
// files, in one cpio archive.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Keys = { readonly key: string; readonly certificate: string };

export type SwuFile = {
  readonly name: string;
  readonly data: Uint8Array;
  /** The destination on the device. */
  readonly path: string;
  readonly version?: string;
  /** Skipped if sw-versions has this version already. */
  readonly isIfDifferent?: boolean;
  /** Streamed to its destination, without a copy in TMPDIR first. */
  readonly isDirect?: boolean;
  /** Written in place, instead of to a temporary file that is renamed. */
  readonly isInPlace?: boolean;
};

export type SwuScript = {
  readonly name: string;
  readonly text: string;
  readonly type: 'preinstall' | 'postinstall';
};

export type Swu = {
  readonly version: string;
  readonly hardware?: string;
  readonly files: readonly SwuFile[];
  readonly scripts?: readonly SwuScript[];
  /** More settings of the `software` group, unchanged. */
  readonly settings?: string;
};

/** Returns whether the required programs are there. */
export function canMakeSwu(): boolean {
  return ['openssl', 'cpio'].every(isProgram);
}

export function isProgram(name: string): boolean {
  const ran = spawnSync(name, ['--version'], { stdio: 'ignore' });
  return ran.error === undefined;
}

export function makeKeys(directory: string, name = 'signer'): Keys {
  mkdirSync(directory, { recursive: true });
  const keys = {
    key: join(directory, `${name}.key.pem`),
    certificate: join(directory, `${name}.cert.pem`),
  };
  const parts = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '3650'];
  const names = ['-subj', `/O=Test/CN=${name}`, '-keyout', keys.key, '-out', keys.certificate];
  run(directory, 'openssl', [...parts, ...names]);
  return keys;
}

/** Makes DIRECTORY and DIRECTORY.swu, and returns the path of the latter. */
export function makeSwu(directory: string, keys: Keys, swu: Swu): string {
  mkdirSync(directory, { recursive: true });
  for (const { name, data } of swu.files) writeFileSync(join(directory, name), data);
  for (const { name, text } of swu.scripts ?? []) writeFileSync(join(directory, name), text);
  writeFileSync(join(directory, 'sw-description'), describe(swu));
  const files = ['-in', 'sw-description', '-out', 'sw-description.sig'];
  const signer = ['-signer', keys.certificate, '-inkey', keys.key];
  const form = ['-outform', 'DER', '-nosmimecap', '-binary'];
  run(directory, 'openssl', ['cms', '-sign', ...files, ...signer, ...form]);
  const members = ['sw-description', 'sw-description.sig', ...swu.files, ...(swu.scripts ?? [])];
  const names = members.map((one) => (typeof one === 'string' ? one : one.name)).join('\n');
  const path = `${directory}.swu`;
  writeFileSync(path, run(directory, 'cpio', ['-o', '-H', 'crc', '--quiet'], `${names}\n`));
  return path;
}

function run(cwd: string, program: string, args: readonly string[], input = ''): Buffer {
  const ran = spawnSync(program, args, { cwd, input, maxBuffer: 2 ** 30 });
  if (ran.status === 0) return ran.stdout;
  throw new Error(`${program} ${args.join(' ')}: ${ran.error?.message ?? String(ran.stderr)}`);
}

export function describe(swu: Swu): string {
  const files = swu.files.map((file) => fileOf(file, file.version ?? swu.version));
  const scripts = (swu.scripts ?? []).map(({ name, text, type }) => {
    const sum = sha256(Buffer.from(text));
    return `{ filename = "${name}"; type = "${type}"; sha256 = "${sum}"; }`;
  });
  return `software =
{
  version = "${swu.version}";
  hardware-compatibility: [ "${swu.hardware ?? '1.0'}" ];
  ${swu.settings ?? ''}
  stable = { main = {
    files: ( ${files.join(',\n')} );
    scripts: ( ${scripts.join(',\n')} );
  }; };
}
`;
}

function fileOf(file: SwuFile, version: string): string {
  return `{
      filename = "${file.name}"; name = "${file.name}"; version = "${version}";
      path = "${file.path}"; sha256 = "${sha256(file.data)}";
      ${file.isIfDifferent === true ? 'install-if-different = true;' : ''}
      ${file.isDirect === true ? 'installed-directly = true;' : ''}
      properties = {
        create-destination = "true";
        atomic-install = "${file.isInPlace === true ? 'false' : 'true'}";
      };
    }`;
}

function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Inverts one bit in the last bytes of a file's data. */
export function corrupted(path: string, data: Uint8Array): Buffer {
  const bytes = readFileSync(path);
  const at = bytes.indexOf(data.subarray(-64)) + 32;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return bytes;
}
