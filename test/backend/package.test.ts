// Tests the server's package from memory and from a file, and how `make backend` prints it.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { idOfFile, packageOf, packageOfFile } from './package.ts';
import { lineOf } from './show.ts';
import { assert, suite } from '../support/suite.ts';
import { createRig, packageOfChunks } from './fakes.ts';

const test = suite('packages of the server');
const id = { name: 'hello', version: '1.2.3' };

let folder = '';
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sota-package-'));
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

for (const sizeBytes of [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000]) {
  test(`${sizeBytes} bytes are the same from memory and from a file`, () => {
    const data = Buffer.alloc(sizeBytes, 'sota');
    const path = join(folder, `${sizeBytes}`);
    writeFileSync(path, data);
    const chunksCount = Math.ceil(sizeBytes / 65_536);
    for (const one of [packageOf(id, data), packageOfFile(id, path)]) {
      assert.is(one.sizeBytes, sizeBytes);
      assert.is(one.chunksCount, chunksCount);
      assert.is(one.checksum, createHash('sha1').update(data).digest('hex'));
      const indices = Array.from({ length: chunksCount }, (_, at) => at + 1);
      const chunks = indices.map((index) => Buffer.from(one.chunk(index), 'base64'));
      assert.ok(Buffer.concat(chunks).equals(data));
      assert.is(one.chunk(chunksCount + 1), '');
      assert.match(one.chunk(1), /^[A-Za-z0-9+/]*={0,2}$/);
    }
  });
}

test('a name of a file tells name and version', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['/a/b/hello_1.2.3.ipk', 'hello', '1.2.3'],
    ['hello-world_1.2.3-r0_armv7a.ipk', 'hello-world', '1.2.3-r0'],
    ['rootfs-v2.0.1.swu', 'rootfs', '2.0.1'],
    ['hello_1.2.tar.gz', 'hello', '1.2'],
    ['firmware.bin', 'firmware', '1.0.0'],
    ['firmware', 'firmware', '1.0.0'],
  ];
  for (const [path, name, version] of cases) assert.equal(idOfFile(path), { name, version });
});

test('a session is shown a line a message', () => {
  const one = packageOfChunks('hello', 2);
  const { server, start, ack, report } = createRig('S-C');
  server.notify([one]);
  start(one);
  ack(one, []);
  ack(one, [1]);
  ack(one, [1, 2]);
  report(one, false);
  const packages = Array.from({ length: 7 }, (_, at) => ({ name: `p${at}`, version: '1.0.0' }));
  server.receive('/sota/packages', [{ vin: 'V1234567890123456', packages }]);
  report(one);
  assert.equal(
    server.log.map((message) => lineOf(message, [one])),
    [
      '-> notify      hello 1.2.3, 65537 bytes',
      '<- start       hello 1.2.3',
      `-> start       hello 1.2.3, 2 chunks, sha1 ${one.checksum}`,
      '<- ack         hello 1.2.3  []',
      '-> chunk       hello 1.2.3  [##########..........] 1/2 50 %',
      '<- ack         hello 1.2.3  [1]',
      '-> chunk       hello 1.2.3  [####################] 2/2 100 %',
      '<- ack         hello 1.2.3  [1-2]',
      '-> finish      hello 1.2.3',
      '<- report      hello 1.2.3  FAILED: done',
      '-> getpackages',
      '<- packages    p0 1.0.0; p1 1.0.0; p2 1.0.0; p3 1.0.0; p4 1.0.0 and 2 more',
      '<- report      hello 1.2.3  success: done  (ignored: nothing is active)',
    ],
  );
});

test.run();
