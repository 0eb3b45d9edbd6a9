// Tests a whole session of the built executable against the reference backend: from the offer of a
// package to its report.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackend, isReported } from '../backend/backend.ts';
import { packageOf } from '../backend/package.ts';
import { runAgentCommand, startAgent, statusOf, writeConfig } from '../support/agent.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('a session');
let directory = '';
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sota-'));
});
test.afterEach(() => rmSync(directory, { recursive: true, force: true }));

for (const transport of ['http', 'ws'] as const) {
  test(`brings a package from the offer to the report over ${transport}`, async () => {
    const backend = createBackend({ transport });
    await backend.start();
    const one = packageOf({ name: 'hello', version: '1.2.3' }, randomBytes(5 * 65_536 + 100));
    const script = `cp "$SOTA_PACKAGE_FILE" ${directory}/installed`;
    const config = writeConfig(directory, {
      rvi: { url: backend.url, ...(transport === 'http' ? { listen: '127.0.0.1:0' } : {}) },
      installer: { command: { program: 'sh', args: ['-c', script] } },
    });
    const agent = startAgent(config);
    await backend.registered();
    backend.server.notify([one]);
    await backend.until('reported', (server) => isReported(server, one));
    await backend.until('packages listed', (server) => server.lists.length > 0);
    assert.equal(backend.server.outcomes[0]?.status, true);
    const installed = readFileSync(join(directory, 'installed'));
    assert.equal(createHash('sha1').update(installed).digest('hex'), one.checksum);
    assert.equal(backend.chunksRepeated(), 0);
    assert.equal(statusOf(config).packages, []);
    assert.equal(readdirSync(join(directory, 'state/packages')), []);
    assert.equal(runAgentCommand(config, 'status').exitCode, 0);
    assert.equal(await agent.kill(), 0);
    await backend.stop();
  });
}

test.run();
