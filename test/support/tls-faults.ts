// Certificates with one fault each, and nodes over TLS that show or reject them: by openssl
// s_server, because Node's servers send no alerts.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Kit = {
  /** Path of `NAME.crt` or `NAME.key`; `ca.crl` has the revoked ones. */
  path(name: string): string;
  /** Runs s_server with the certificate of that name, on a port that the kernel chooses. */
  serve(name: string, ...more: readonly string[]): Promise<Peer>;
  remove(): void;
};

export type Peer = { readonly port: number; stop(): Promise<void> };

const now = (days: number) => {
  const date = new Date(Date.now() + days * 86_400_000);
  return `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
};

const config = `
[ca]
default_ca = one
[one]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
default_crl_days = 2
policy = any
unique_subject = no
[any]
commonName = supplied
`;

export function createKit(): Kit {
  const directory = mkdtempSync(join(tmpdir(), 'sota-tls-faults-'));
  const path = (name: string) => join(directory, name);
  const openssl = (...args: readonly string[]) => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  };
  writeFileSync(path('ca.cnf'), config);
  writeFileSync(path('index.txt'), '');
  writeFileSync(path('serial'), '1000');
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const request = (name: string, key: readonly string[]) => {
    const files = ['-keyout', `${name}.key`, '-out', `${name}.csr`];
    openssl('req', '-new', '-nodes', '-subj', `/CN=${name}`, ...key, ...files);
  };
  const root = (name: string, extension: string) => {
    request(name, ec);
    writeFileSync(path('extension'), extension);
    const made = ['-extfile', 'extension', '-days', '30', '-out', `${name}.crt`];
    openssl('x509', '-req', '-in', `${name}.csr`, '-key', `${name}.key`, ...made);
  };
  const sign = (
    name: string,
    extension: string,
    { issuer = 'ca', key = ec, from = -1, to = 2, digest = 'sha256' } = {},
  ) => {
    request(name, key);
    writeFileSync(path('extension'), extension);
    const signer = ['-cert', `${issuer}.crt`, '-keyfile', `${issuer}.key`, '-md', digest];
    const dates = ['-startdate', now(from), '-enddate', now(to)];
    const files = ['-in', `${name}.csr`, '-out', `${name}.crt`, '-extfile', 'extension'];
    openssl('ca', '-batch', '-notext', '-config', 'ca.cnf', ...signer, ...dates, ...files);
  };
  const here = 'subjectAltName=IP:127.0.0.1';
  const client = 'extendedKeyUsage=clientAuth';
  const rsa = (bits: number) => ['-newkey', `rsa:${bits}`];
  root('ca', 'basicConstraints=critical,CA:TRUE');
  root('other', 'basicConstraints=critical,CA:TRUE');
  root('self', here);
  sign('node', here);
  sign('expired-node', here, { from: -9, to: -2 });
  sign('future-node', here, { from: 2, to: 9 });
  sign('misnamed', 'subjectAltName=DNS:elsewhere.example');
  sign('small-node', here, { key: rsa(1_024) });
  sign('weak-node', here, { digest: 'sha1' });
  sign('client-node', `${here}\n${client}`);
  sign('vehicle', client);
  sign('expired', client, { from: -9, to: -2 });
  sign('future', client, { from: 2, to: 9 });
  sign('foreign', client, { issuer: 'other' });
  sign('small', client, { key: rsa(1_024) });
  sign('revoked', client);
  const byCa = ['-config', 'ca.cnf', '-cert', 'ca.crt', '-keyfile', 'ca.key'];
  openssl('ca', ...byCa, '-revoke', 'revoked.crt');
  openssl('ca', ...byCa, '-gencrl', '-out', 'ca.crl');
  const lock = ['-aes256', '-passout', 'pass:secret', '-out', 'locked.key'];
  openssl('pkey', '-in', 'vehicle.key', ...lock);
  mkdirSync(path('state'));
  const bundle = Buffer.concat([readFileSync(path('ca.crt')), readFileSync(path('ca.crl'))]);
  writeFileSync(path('ca-and-crl.pem'), bundle);

  function serve(name: string, ...more: readonly string[]): Promise<Peer> {
    const files = ['-cert', `${name}.crt`, '-key', `${name}.key`];
    const args = ['s_server', '-accept', '127.0.0.1:0', ...files, ...more];
    const child = spawn('openssl', args, { cwd: directory, stdio: ['pipe', 'pipe', 'pipe'] });
    const ended = new Promise<void>((done) => child.on('close', () => done()));
    const stop = () => {
      child.kill('SIGKILL');
      return ended;
    };
    return new Promise((resolve, reject) => {
      let text = '';
      const read = (more: Buffer) => {
        text += more.toString();
        const port = /ACCEPT 127\.0\.0\.1:(\d+)/.exec(text)?.[1];
        if (port !== undefined) resolve({ port: Number(port), stop });
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      void ended.then(() => reject(new Error(`s_server: ${text}`)));
    });
  }

  return { path, serve, remove: () => rmSync(directory, { recursive: true }) };
}
