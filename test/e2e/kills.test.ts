// Kills the built executable at random moments of real sessions over both transports, and checks
// the state after each kill. Acked chunks must be stored correctly, and each started installer must
// have an attempt on flash. In the end every package must be installed and reported. KILLS= and
// SEED= set the number and the seed.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { isReported } from '../backend/backend.ts';
import { packageOf } from '../backend/package.ts';
import { createNoting, inspectStorage, stateIn } from '../support/acked.ts';
import { launcher, stallSeconds, startAgent, writeConfig } from '../support/agent.ts';
import { createRandom } from '../support/prng.ts';
import { assert, suite } from '../support/suite.ts';
import type { Backend } from '../backend/backend.ts';
import type { AgentProcess } from '../support/agent.ts';
import type { Prng } from '../support/prng.ts';

const test = suite('kills');
const kills = Number(process.env['KILLS'] ?? 100);
const seed = Number(process.env['SEED'] ?? Math.floor(Date.now() / 1000));
const chunksCount = 300;
const killsEachMax = 12;
/**
 * The maximum delay of a kill: from the start for every fourth, else from the first new chunk.
 * Emulated agents are slower.
 */
const lifeMsMax = launcher.length === 0 ? 700 : 4_000;

type Sum = { kills: number; packages: number; checked: number; again: number };

const install = (folder: string) =>
  `echo x >>${folder}/starts && cp "$SOTA_PACKAGE_FILE" ${folder}/new && ` +
  `mv ${folder}/new ${folder}/installed`;

async function campaign(transport: 'http' | 'ws', prng: Prng, sum: Sum): Promise<void> {
  while (sum.kills < kills) {
    const folder = mkdtempSync(join(tmpdir(), 'sota-kills-'));
    sum.packages += 1;
    try {
      await onePackage(folder, transport, prng, sum);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

async function onePackage(
  folder: string,
  transport: 'http' | 'ws',
  prng: Prng,
  sum: Sum,
): Promise<void> {
  const data = randomBytes(chunksCount * 65_536 - 77);
  const one = packageOf({ name: 'firmware', version: `1.0.${sum.packages}` }, data);
  const acked = new Set<number>();
  const backend = createNoting({ transport }, one, acked);
  await backend.start();
  const config = writeConfig(folder, {
    rvi: {
      url: backend.url,
      ...(transport === 'http' ? { listen: '127.0.0.1:0' } : {}),
      stall_timeout: stallSeconds,
      finish_timeout: 3 * stallSeconds,
    },
    installer: { max_attempts: 28, command: { program: 'sh', args: ['-c', install(folder)] } },
  });
  const isDone = () => isReported(backend.server, one);
  try {
    for (let own = 0; own < killsEachMax && sum.kills < kills && !isDone(); own += 1) {
      const agent = startAgent(config);
      if (own % 4 > 0) await moved(agent, backend, acked, isDone);
      await Promise.race([pause(prng.below(lifeMsMax)), reported(backend, isDone)]);
      await agent.kill('SIGKILL');
      sum.kills += 1;
      const verdict = inspectStorage(join(folder, 'state'), { id: one.id, data, acked });
      assert.equal(verdict.violations, [], `kill ${sum.kills} over ${transport}, SEED=${seed}`);
      sum.checked += verdict.checked;
      checkStarts(folder);
    }
    const agent = startAgent(config);
    await agent.logged(/ registered/);
    await backend.until('reported', isDone);
    assert.is(await agent.kill(), 0);
  } finally {
    await backend.stop();
  }
  assert.equal(backend.server.outcomes.map(({ status }) => status).includes(false), false);
  const installed = readFileSync(join(folder, 'installed'));
  assert.ok(installed.equals(data), 'what is installed is the package');
  assert.equal(readdirSync(join(folder, 'state/packages')), []);
  sum.again += backend.chunksRepeated();
}

/** Waits until the agent acks one more chunk, or has all of them. */
async function moved(
  agent: AgentProcess,
  backend: Backend,
  acked: ReadonlySet<number>,
  isDone: () => boolean,
): Promise<void> {
  const before = acked.size;
  await agent.logged(/ registered/);
  const isMoved = () => acked.size > before || acked.size === chunksCount || isDone();
  await backend.until('a chunk more', isMoved);
}

function reported(backend: Backend, isDone: () => boolean): Promise<void> {
  return backend.until('reported', isDone).catch(() => undefined);
}

/** The attempt must be on flash before its installer starts. */
function checkStarts(folder: string): void {
  const path = join(folder, 'starts');
  const starts = existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
  const entries = [...stateIn(join(folder, 'state')).core.history.values()];
  const attempts = entries.reduce((sum, entry) => sum + entry.attempts, 0);
  assert.ok(starts <= attempts, `${starts} starts of the installer, ${attempts} attempts on flash`);
}

test(`${2 * kills} of them lose nothing, and every package arrives`, async () => {
  const sums = { http: emptySum(), ws: emptySum() };
  const prng = createRandom(seed);
  const [first, second] = [createRandom(prng.uint32()), createRandom(prng.uint32())];
  await Promise.all([campaign('http', first, sums.http), campaign('ws', second, sums.ws)]);
  for (const [transport, sum] of Object.entries(sums)) {
    console.log(
      `\n| ${transport}: SEED=${seed}: ${sum.kills} SIGKILLs in ${sum.packages} packages; ` +
        `${sum.checked} acked chunks checked, ${sum.again} sent again`,
    );
    assert.ok(sum.again <= 2 * sum.kills, `${sum.again} chunks were sent again`);
    assert.ok(sum.checked > sum.kills, 'the kills met no transfer');
  }
});

function emptySum(): Sum {
  return { kills: 0, packages: 0, checked: 0, again: 0 };
}

test.run();
