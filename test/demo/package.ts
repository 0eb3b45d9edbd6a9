// A real update to send: an image, and the signed .swu that installs it into a directory.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Update = {
  readonly file: string;
  /** What proves the signature on the device. */
  readonly certificate: string;
  /** Where the image will be, once it is installed. */
  readonly target: string;
  readonly imageBytes: number;
  readonly imageSha256: string;
};

export const hardware = 'demo:1.0';

export const sha256Of = (path: string) =>
  createHash('sha256').update(readFileSync(path)).digest('hex');

export function makeUpdate(directory: string, version: string, imageBytes: number): Update {
  const [work, installed] = [join(directory, 'server'), join(directory, 'installed')];
  for (const path of [work, installed]) mkdirSync(path, { recursive: true });
  const [image, target] = [join(work, 'app.bin'), join(installed, 'app.bin')];
  writeFileSync(image, randomBytes(imageBytes));
  const imageSha256 = sha256Of(image);
  writeFileSync(join(work, 'sw-description'), description(version, target, imageSha256));
  const openssl = (args: string) =>
    execFileSync('openssl', args.split(' '), { cwd: work, stdio: 'pipe' });
  openssl('req -x509 -newkey rsa:2048 -nodes -days 30 -subj /O=Demo -keyout key.pem -out cert.pem');
  const signed = '-in sw-description -out sw-description.sig -outform DER -nosmimecap -binary';
  openssl(`cms -sign -signer cert.pem -inkey key.pem ${signed}`);
  const swu = execFileSync('cpio', ['-o', '-H', 'crc', '--quiet'], {
    cwd: work,
    input: 'sw-description\nsw-description.sig\napp.bin\n',
    maxBuffer: imageBytes + 1_048_576,
    stdio: 'pipe',
  });
  const file = join(work, `demo-app_${version}.swu`);
  writeFileSync(file, swu);
  return { file, certificate: join(work, 'cert.pem'), target, imageBytes, imageSha256 };
}

const description = (version: string, target: string, sha256: string) => `software = {
  version = "${version}";
  hardware-compatibility: [ "1.0" ];
  stable = { main = { files: ( {
    filename = "app.bin"; path = "${target}"; sha256 = "${sha256}";
    name = "demo-app"; version = "${version}";
    properties = { atomic-install = "true"; };
  } ); }; };
};
`;
