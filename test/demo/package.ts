// Makes an update to send: an image, and the signed .swu that installs it into a directory.
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeKeys, makeSwu } from '../support/swu.ts';

export type Update = {
  readonly file: string;
  /** The certificate that verifies the signature on the device. */
  readonly certificate: string;
  /** The path of the image after it is installed. */
  readonly target: string;
  readonly imageSha256: string;
  /** The device's list of installed versions, as SWUpdate and the agent read it. */
  readonly versions: string;
};

export function makeUpdate(directory: string, version: string, imageBytes: number): Update {
  const keys = makeKeys(join(directory, 'keys'));
  const target = join(directory, 'installed/app.bin');
  const data = randomBytes(imageBytes);
  const files = [{ name: 'app.bin', data, path: target }];
  // SWUpdate does not write the list itself.
  const versions = join(directory, 'sw-versions');
  writeFileSync(versions, 'app.bin 1.0.0\n');
  const text = `#!/bin/sh\necho 'app.bin ${version}' >${versions}\n`;
  const scripts = [{ name: 'versions.sh', text, type: 'postinstall' }] as const;
  const file = makeSwu(join(directory, 'server/demo-app'), keys, { version, files, scripts });
  return { file, certificate: keys.certificate, target, versions, imageSha256: sha256(data) };
}

export const sha256Of = (path: string) => sha256(readFileSync(path));

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
