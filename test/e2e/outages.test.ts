// Tests partial outages: both nodes restart during a transfer, so that the agent gets no message
// about their return; and a node answers each registration, but no message.
import { createServer, request } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listening, portOf } from '../backend/edge-http.ts';
import { packageOf } from '../backend/package.ts';
import { askAgent, startAgent, writeConfig } from '../support/agent.ts';
import { assert, suite } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import { idleMsMax, until } from '../support/idle.ts';
import type { Passing } from '../backend/node.ts';

const test = suite('outages');

/** The time of the last log line with that code, in milliseconds. */
function loggedMs(log: string, code: string): number {
  const line = log.split('\n').findLast((one) => one.includes(` ${code} `)) ?? '';
  return Date.parse(line.split(' ', 1)[0] ?? '');
}

for (const [what, downMs] of [
  ['for seconds', 3_000],
  ['for an instant', 0],
] as const) {
  test(`both nodes are gone ${what} in a transfer: it goes on within a minute`, async () => {
    const one = packageOf({ name: 'radio', version: '4.0.0' }, randomBytes(6 * 65_536));
    let chunks = 0;
    let isBack = false;
    // Drops all messages from the third chunk on, until both nodes are back.
    const fault = ({ service }: Passing) => {
      if (service === '/sota/chunk') chunks += 1;
      return { kind: chunks >= 3 && !isBack ? 'drop' : 'pass' } as const;
    };
    await withVehicle({ fault }, async (vehicle) => {
      const { backend } = vehicle;
      const agent = vehicle.boot();
      await backend.registered();
      backend.server.notify([one]);
      await until('a chunk is lost', () => chunks >= 3);
      backend.node.setLink(false);
      await agent.logged(/server-offline/);
      await backend.restartNode(downMs);
      // No service is registered, so that no client gets the announcement.
      backend.node.setLink(true);
      isBack = true;
      await backend.registeredAgain();
      await vehicle.reported(one);
      assert.is(backend.server.outcomes[0]?.status, true);
      await agent.logged(/ installing /);
      const log = vehicle.logs();
      const sinceMs = loggedMs(log, 'installing') - loggedMs(log, 'server-offline');
      assert.ok(sinceMs < 58_000, `silent for ${sinceMs} ms`);
      assert.ok(backend.chunksRepeated() <= 2, `${backend.chunksRepeated()} sent again`);
    });
  });
}

type HalfNode = {
  readonly url: string;
  /** The address in the agent's registration. */
  address(): string;
  registrations(): number;
  messages(): number;
  answerMessages(): void;
  stop(): Promise<void>;
};

async function serveHalf(silently: boolean): Promise<HalfNode> {
  let address = '';
  let [registrations, messages] = [0, 0];
  let isWhole = false;
  const server = createServer((asked, response) => {
    let text = '';
    asked.on('data', (part) => (text += String(part)));
    asked.on('end', () => {
      const { id, method, params } = JSON.parse(text);
      const answer = (result: object) =>
        void response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
      if (method === 'register_service') {
        address = params.network_address;
        registrations += 1;
        answer({ status: 0, service: `genivi.org/vin/V1234567890123456${params.service}` });
      } else if (method !== 'message') answer({ status: 0, services: [] });
      else {
        messages += 1;
        if (isWhole) answer({ status: 0 });
        else if (!silently) answer({ status: 6 });
      }
    });
  });
  await listening(server, 0);
  const stop = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  return {
    url: `http://127.0.0.1:${portOf(server.address(), 0)}`,
    ...{ address: () => address, registrations: () => registrations, messages: () => messages },
    answerMessages: () => void (isWhole = true),
    stop,
  };
}

/** Delivers like a node. */
function deliver(address: string, service: string, body: object): Promise<void> {
  const params = { service_name: service, parameters: [body] };
  const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'message', params });
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const sent = request(address, { method: 'POST', headers }, (response) => {
      response.resume().on('end', () => resolve());
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

for (const [what, silently] of [
  ['never answers a message', true],
  ['answers a message by a status', false],
] as const) {
  test(`a node that registers and ${what}: one warning, until it takes a message`, async () => {
    const node = await serveHalf(silently);
    const directory = mkdtempSync(join(tmpdir(), 'sota-half-'));
    const config = writeConfig(directory, {
      rvi: { url: node.url, listen: '127.0.0.1:0' },
      installer: { default: 'command', command: { program: 'true' } },
    });
    const agent = startAgent(config);
    await agent.logged(/ info registered /);
    const id = { name: 'radio', version: '1.0.0' };
    const services = Object.fromEntries(
      ['start', 'ack', 'report', 'packages'].map((one) => [one, `genivi.org/backend/sota/${one}`]),
    );
    const notify = { packages: [{ package: id, size: 9 }], services };
    await deliver(node.address(), '/sota/notify', notify);
    await until('it tried three times', () => node.messages() >= 3, 2 * idleMsMax);
    const count = (text: string) => agent.log().split(text).length - 1;
    assert.is(count(' warn node-disconnected '), 1);
    assert.is(count(' info registered '), 1, 'of the start alone');
    assert.ok(node.registrations() >= 18, 'it registered each time');
    const status = await askAgent(['status', '--config', config]);
    const said = silently ? 'no answer within' : 'status 6';
    assert.match(status.out, 'does not accept messages');
    assert.match(status.out, said);
    const why = await askAgent(['why', '--config', config]);
    assert.match(why.out, 'the node to accept messages');
    node.answerMessages();
    await agent.logged(/ info registered .*recovered=message/, 2 * idleMsMax);
    assert.is(count(' info registered '), 2);
    assert.is(count(' warn node-disconnected '), 1);
    await agent.kill();
    await node.stop();
    rmSync(directory, { recursive: true });
  });
}

test.run();
