// Tests the session of the server's documentation, message for message, with a node that records
// each byte of the client (protocol 4). The messages are compared as text.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAgent, writeConfig } from '../support/agent.ts';
import { createHttpSeedNode, createWsSeedNode } from '../support/seed-node.ts';
import { assert, suite } from '../support/suite.ts';
import type { AgentProcess } from '../support/agent.ts';
import type { Heard, SeedNode } from '../support/seed-node.ts';

const test = suite('the seed session');

const vin = 'V1234567890123456';
const prefix = `genivi.org/vin/${vin}`;
const id = { name: 'ghc', version: '7.6.2' };
const idText = '{"name":"ghc","version":"7.6.2"}';
const data = randomBytes(35_768);
const checksum = createHash('sha1').update(data).digest('hex');
const backend = (service: string) => `genivi.org/backend/sota/${service}`;
const ours = ['start', 'chunk', 'finish', 'getpackages', 'abort']
  .map((service) => `"${service}":"${prefix}/sota/${service}"`)
  .join(',');
const taken = '{"jsonrpc":"2.0","id":1,"result":{"status":0}}';

const call = (number: number, method: string, params: string) =>
  `{"jsonrpc":"2.0","id":${number},"method":"${method}","params":${params}}`;

/** Removes the `timeout`: absolute seconds, 60 to 91 s ahead (protocol 5.7). */
function withoutTimeout({ text }: Heard): string {
  const timeout = /"timeout":(\d+),/.exec(text)?.[1] ?? 'none';
  const leftS = Number(timeout) - Date.now() / 1_000;
  assert.ok(leftS > 60 && leftS < 91, `timeout ${timeout}`);
  return text.replace(`"timeout":${timeout},`, '');
}

async function next(node: SeedNode, isHttp: boolean): Promise<Heard> {
  const heard = await node.next();
  assert.is(heard.isBinary, false);
  if (isHttp) {
    assert.is(heard.headers['content-type'], 'application/json');
    assert.is(heard.headers['content-length'], String(Buffer.byteLength(heard.text)));
    assert.is(heard.headers['transfer-encoding'], undefined);
  } else {
    // A 0.4 node answers both headers wrongly (protocol 1.9).
    assert.is(heard.headers['sec-websocket-protocol'], undefined);
    assert.is(heard.headers['sec-websocket-extensions'], undefined);
  }
  return heard;
}

async function registers(node: SeedNode, isHttp: boolean): Promise<void> {
  const services = ['notify', 'start', 'chunk', 'finish', 'getpackages', 'abort'];
  for (const [at, service] of services.entries()) {
    const { text } = await next(node, isHttp);
    const [where = ''] =
      /"network_address":"http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{64}",/.exec(text) ?? [];
    assert.is(where !== '', isHttp);
    assert.is(text, call(at + 1, 'register_service', `{${where}"service":"/sota/${service}"}`));
  }
  assert.is((await next(node, isHttp)).text, call(7, 'get_available_services', '{}'));
}

async function talks(node: SeedNode, isHttp: boolean): Promise<void> {
  const said = async (number: number, service: string, body: string) => {
    const params = `{"service_name":"${backend(service)}","parameters":[{"vin":"${vin}",${body}}]}`;
    const heard = await next(node, isHttp);
    assert.is(withoutTimeout(heard), call(number, 'message', params));
  };
  await registers(node, isHttp);
  const names = ['start', 'cancel', 'ack', 'report', 'packages'];
  const services = Object.fromEntries(names.map((name) => [name, backend(name)]));
  const offer = { packages: [{ package: id, size: data.length }], services };
  assert.is(await node.deliver('/sota/notify', [offer]), taken);
  await said(8, 'start', `"packages":[${idText}],"services":{${ours}}`);
  const start = { package: id, checksum, chunkscount: 1 };
  assert.is(await node.deliver('/sota/start', [start]), taken);
  await said(9, 'ack', `"package":${idText},"chunks":[]`);
  const chunk = { bytes: data.toString('base64'), index: 1, package: id };
  assert.is(await node.deliver('/sota/chunk', [chunk]), taken);
  await said(10, 'ack', `"package":${idText},"chunks":[1]`);
  assert.is(await node.deliver('/sota/finish', [{ package: id }]), taken);
  const outcome = 'true exited with 0; a command cannot be probed';
  const report = `"status":true,"description":"${outcome}"`;
  await said(11, 'report', `"package":${idText},${report}`);
  assert.is(await node.deliver('/sota/getpackages', [null]), taken);
  await said(12, 'packages', '"packages":[]');
}

for (const [name, create] of [
  ['http', createHttpSeedNode],
  ['ws', createWsSeedNode],
] as const) {
  test(`over ${name}, message for message`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sota-'));
    const node = create(prefix);
    await node.start();
    const isHttp = name === 'http';
    const config = writeConfig(directory, {
      rvi: { url: node.url(), ...(isHttp ? { listen: '127.0.0.1:0' } : {}) },
      installer: { default: 'command', command: { program: 'true' } },
    });
    let agent: AgentProcess | undefined;
    try {
      agent = startAgent(config);
      await talks(node, isHttp);
      assert.is(await agent.kill(), 0);
    } catch (error) {
      console.error(agent?.log());
      throw error;
    } finally {
      await agent?.kill('SIGKILL');
      await node.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

test.run();
