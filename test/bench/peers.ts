// Measures the alternatives: curl with sha1sum, and the downloader of SWUpdate. They fetch the same
// bytes over loopback, without chunks, acks or resume after an interruption.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename } from 'node:path';
import { listening, portOf } from '../backend/edge-http.ts';
import type { Server } from 'node:http';

export type Peers = {
  readonly curl: readonly (readonly string[])[];
  readonly swupdate: readonly (readonly string[])[];
  close(): void;
};

export async function createPeers(folder: string, payloadPath: string): Promise<Peers> {
  const image = makeImage(folder, payloadPath);
  const server = createServer((request, response) => {
    const path = request.url === '/payload' ? payloadPath : image;
    response.writeHead(200, { 'Content-Length': statSync(path).size });
    if (request.method === 'HEAD') response.end();
    else createReadStream(path, { highWaterMark: 1_048_576 }).pipe(response);
  });
  await listening(server, 0);
  const url = `http://127.0.0.1:${portOf(server.address(), 0)}`;
  const out = `${folder}/fetched`;
  const key = ['-k', `${folder}/cert.pem`, '-e', 'stable,main', '-H', 'bench:1.0'];
  // SWUpdate removes files of this directory that have the name of a part of the image.
  const own = `${folder}/swupdate`;
  mkdirSync(own);
  const swupdate = ['env', `TMPDIR=${own}`, 'swupdate', ...key, '-M', '-m'];
  return {
    curl: [
      ['curl', '-sSf', '-o', out, `${url}/payload`],
      ['sha1sum', out],
      ['sync', out],
    ],
    swupdate: [[...swupdate, '-d', `-u ${url}/image.swu`]],
    close: () => closeAll(server),
  };
}

function closeAll(server: Server): void {
  server.close();
  server.closeAllConnections();
}

/**
 * The image is written directly to its target, which is the least work for SWUpdate. The payload is
 * already in the directory.
 */
function makeImage(folder: string, payloadPath: string): string {
  const digest = createHash('sha256').update(readFileSync(payloadPath)).digest('hex');
  const name = basename(payloadPath);
  const image = `filename = "${name}"; type = "rawfile"; path = "${folder}/installed";`;
  writeFileSync(
    `${folder}/sw-description`,
    `software = { version = "1.0"; hardware-compatibility: [ "1.0" ]; stable = { main = {
      images: ( { ${image} sha256 = "${digest}"; installed-directly = true; } ); }; }; }\n`,
  );
  const key = ['-keyout', 'key.pem', '-out', 'cert.pem', '-subj', '/CN=bench'];
  run(folder, 'openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...key]);
  const signed = ['-in', 'sw-description', '-out', 'sw-description.sig'];
  const by = ['-signer', 'cert.pem', '-inkey', 'key.pem', '-outform', 'DER', '-nosmimecap'];
  run(folder, 'openssl', ['cms', '-sign', '-binary', ...signed, ...by]);
  const names = `sw-description\nsw-description.sig\n${name}\n`;
  run(folder, 'cpio', ['-o', '-H', 'crc', '-L', '--quiet', '-O', 'image.swu'], names);
  return `${folder}/image.swu`;
}

function run(folder: string, program: string, args: readonly string[], input = ''): void {
  const ran = spawnSync(program, args, { cwd: folder, input, encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(`${program}: ${ran.stderr || String(ran.error)}`);
}
