// Makes certificates for the tests with openssl: two authorities, and under the first a node on
// 127.0.0.1 (10.0.2.2 in an emulated machine), a vehicle, and a node of another name.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Pair = { readonly cert: Buffer; readonly key: Buffer };

export type Certificates = {
  readonly ca: Pair;
  readonly otherCa: Pair;
  readonly node: Pair;
  readonly misnamed: Pair;
  readonly vehicle: Pair;
  /** An expired one of the vehicle, and one of the other authority. */
  readonly expired: Pair;
  readonly otherVehicle: Pair;
  /** The vehicle's key with a passphrase. */
  readonly lockedKey: Buffer;
};

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

export function makeCertificates(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), 'sota-tls-'));
  const path = (name: string) => join(directory, name);
  const openssl = (...args: readonly string[]) => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  };
  const make = (name: string, extension: string, issuer?: string, days = 2): Pair => {
    writeFileSync(path('extension'), extension);
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const files = ['-keyout', `${name}.key`, '-out', `${name}.csr`];
    openssl('req', '-new', '-subj', `/CN=${name}`, ...curve, ...files);
    const signer =
      issuer === undefined
        ? ['-key', `${name}.key`]
        : ['-CA', `${issuer}.crt`, '-CAkey', `${issuer}.key`, '-CAcreateserial'];
    const made = ['-extfile', 'extension', '-days', String(days), '-out', `${name}.crt`];
    openssl('x509', '-req', '-in', `${name}.csr`, ...signer, ...made);
    return { cert: readFileSync(path(`${name}.crt`)), key: readFileSync(path(`${name}.key`)) };
  };
  try {
    const ca = make('ca', 'basicConstraints=critical,CA:TRUE');
    const otherCa = make('other', 'basicConstraints=critical,CA:TRUE');
    const node = make('node', 'subjectAltName=IP:127.0.0.1,IP:10.0.2.2', 'ca');
    const misnamed = make('misnamed', 'subjectAltName=DNS:elsewhere.example', 'ca');
    const vehicle = make('vehicle', 'extendedKeyUsage=clientAuth', 'ca');
    const expired = make('expired', 'extendedKeyUsage=clientAuth', 'ca', -1);
    const otherVehicle = make('renewed', 'extendedKeyUsage=clientAuth', 'other');
    const lock = ['-aes256', '-passout', 'pass:secret', '-out', 'locked.key'];
    openssl('pkey', '-in', 'vehicle.key', ...lock);
    const lockedKey = readFileSync(path('locked.key'));
    return { ca, otherCa, node, misnamed, vehicle, expired, otherVehicle, lockedKey };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
