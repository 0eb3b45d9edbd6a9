// Tests that web pages cannot send a request to the listener of the built agent. Debian's Chromium,
// headless, opens pages of other origins. Each page tries every way in which a script can send a
// body. It has the port, the messages of a node, and even the delivery path. No request may reach
// the agent. As a control, the same body from a node is accepted.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { chromium } from 'playwright-core';
import { listening, portOf } from '../backend/edge-http.ts';
import { deliver, deliveryPathOf } from '../support/delivery.ts';
import { hasProgram } from '../support/programs.ts';
import { assert, suite } from '../support/suite.ts';
import { freePort, withVehicle } from '../support/vehicle.ts';
import { until } from '../support/idle.ts';
import type { BrowserContext, Page } from 'playwright-core';
import type { Vehicle } from '../support/vehicle.ts';

const test = suite('a web page on the device');
const needs = test.needs('chromium', hasProgram('chromium'));

const services = Object.fromEntries(
  ['start', 'ack', 'report', 'packages'].map((name) => [name, `genivi.org/backend/sota/${name}`]),
);
const offer = (name: string) => {
  const packages = [{ package: { name, version: '1.0.0' }, size: 9 }];
  const params = { service_name: '/sota/notify', parameters: [{ packages, services }] };
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'message', params });
};

const root = process.env['SOTA_AGENT_ROOT'] ?? '.';
const script = readFileSync(join(root, 'test/support/page.mjs'), 'utf8');
const html = `<!doctype html><title>page</title><body></body><script>${script}</script>`;

const switches = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // All names resolve to this device, as an attacker's DNS can do.
  '--host-resolver-rules=MAP * 127.0.0.1',
  // Disables checks of newer browsers, so that the requests reach the agent.
  '--disable-features=BlockInsecurePrivateNetworkRequests,LocalNetworkAccessChecks,HttpsUpgrades',
] as const;
/** Lets scripts send headers without a preflight request, as in old browsers. */
const careless = '--disable-web-security';

async function withBrowser(
  more: readonly string[],
  act: (context: BrowserContext) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sota-browser-'));
  const context = await chromium.launchPersistentContext(directory, {
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: [...switches, ...more],
  });
  try {
    await act(context);
  } finally {
    await context.close();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Serves the page under any name, but never on the listener's own port. */
async function servePages() {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    response.end(html);
  });
  await listening(server, 0);
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  return { port: portOf(server.address(), 0), close };
}

const isNames = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');

const known = async (vehicle: Vehicle) =>
  (await vehicle.status()).packages.map(({ id }) => id.name);
const refused = async (vehicle: Vehicle) => (await vehicle.status()).counters.refused;

/** Runs each way separately, so that a failure names the way. */
async function tryAll(vehicle: Vehicle, page: Page, url: string): Promise<void> {
  const names: unknown = await page.evaluate('Object.keys(ways)');
  assert.ok(isNames(names) && names.length > 10);
  for (const [at, way] of isNames(names) ? names.entries() : []) {
    const before = await refused(vehicle);
    const args = [url, offer(`page-${at}`)].map((one) => JSON.stringify(one)).join(', ');
    await page.evaluate(`ways[${JSON.stringify(way)}](${args})`);
    await until(`refused and counted: ${way}`, async () => (await refused(vehicle)) > before);
    assert.equal(await known(vehicle), [], way);
  }
}

async function withListener(
  rvi: { readonly path?: string },
  act: (vehicle: Vehicle, port: number) => Promise<void>,
): Promise<void> {
  const port = await freePort();
  const options = { rvi: { listen: `127.0.0.1:${port}`, ...rvi } };
  await withVehicle({ ...options, more: { policy: { consent: 'required' } } }, async (vehicle) => {
    vehicle.boot();
    await vehicle.backend.registered();
    await act(vehicle, port);
    // No package appears later either, and the log has a few lines about the requests.
    assert.equal(await known(vehicle), []);
    await vehicle.agent().logged(/warn request-rejected/);
    const lines = vehicle.logs().match(/warn request-rejected/g)?.length ?? 0;
    assert.ok(lines <= 40, `${lines} lines`);
    assert.not.match(vehicle.logs(), /package-offered/);
    // The control: the same message as a node sends it.
    const path = rvi.path ?? deliveryPathOf(vehicle.directory);
    const taken = await deliver(`http://127.0.0.1:${port}${path}`, offer('of-the-node'));
    assert.match(taken.text, '"status":0');
    await until('offered', async () => (await known(vehicle)).join() === 'of-the-node');
  });
}

for (const [what, rvi, more] of [
  ['the secret path', {}, []],
  ['a fixed path', { path: '/sota' }, [careless]],
  ['the path "/"', { path: '/' }, []],
] as const) {
  needs(`does not get through, though it knows ${what}`, async () => {
    const pages = await servePages();
    try {
      await withListener(rvi, async (vehicle, port) => {
        const path = 'path' in rvi ? rvi.path : deliveryPathOf(vehicle.directory);
        await withBrowser(more, async (context) => {
          const page = await context.newPage();
          await page.goto(`http://page.example:${pages.port}/`);
          await tryAll(vehicle, page, `http://127.0.0.1:${port}${path}`);
          await tryAll(vehicle, page, `http://localhost:${port}${path}`);
        });
      });
    } finally {
      await pages.close();
    }
  });
}

needs('does not get through by a name that it lets lead to the device', async () => {
  await withListener({}, async (vehicle, port) => {
    const path = deliveryPathOf(vehicle.directory);
    const pages = await servePages();
    // The attacker's server serves the page; then its name resolves to the agent.
    const rule = `MAP rebind.example:${port} 127.0.0.1:${port},MAP * 127.0.0.1`;
    try {
      await withBrowser([`--host-resolver-rules=${rule}`], async (context) => {
        const page = await context.newPage();
        const origin = `http://rebind.example:${port}`;
        await page.route(`${origin}/`, async (route) => {
          await route.fulfill({ status: 200, contentType: 'text/html', body: html });
        });
        await page.goto(`${origin}/`);
        await page.unroute(`${origin}/`);
        assert.is(await page.evaluate('location.origin'), origin);
        await tryAll(vehicle, page, `${origin}${path}`);
        // For the page these requests have the same origin, so that it may read the answers.
        const asked = `fetch(${JSON.stringify(origin + path)}, { method: 'POST', body: '{}' })`;
        const read = await page.evaluate(
          `${asked}.then(async (answer) => [answer.status, await answer.text()])`,
        );
        assert.equal(read, [404, 'Not Found\n']);
      });
    } finally {
      await pages.close();
    }
  });
});

needs('does not get through while no service is registered', async () => {
  const port = await freePort();
  await withVehicle({ rvi: { listen: `127.0.0.1:${port}`, path: '/sota' } }, async (vehicle) => {
    await vehicle.backend.stop();
    await vehicle.boot().logged(/node-disconnected/);
    const pages = await servePages();
    try {
      await withBrowser([], async (context) => {
        const page = await context.newPage();
        await page.goto(`http://page.example:${pages.port}/`);
        await tryAll(vehicle, page, `http://127.0.0.1:${port}/sota`);
      });
    } finally {
      await pages.close();
      await vehicle.backend.start();
    }
  });
});

test.run();
