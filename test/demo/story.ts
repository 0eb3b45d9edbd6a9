// Plays the steps of the demo, and checks the result at the end.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createBackend, isReported } from '../backend/backend.ts';
import { packageOfFile } from '../backend/package.ts';
import { lineOf } from '../backend/show.ts';
import { createThinning } from '../backend/thin.ts';
import { agentPath, launcher, startAgent, writeConfig } from '../support/agent.ts';
import { swupdateArgs } from '../support/swupdate.ts';
import { acksOf } from './acks.ts';
import { follow } from './follow.ts';
import { makeUpdate, sha256Of } from './package.ts';
import type { Backend } from '../backend/backend.ts';
import type { PackageId, ServerPackage } from '../backend/package.ts';
import type { SeenMessage } from '../backend/seen.ts';
import type { AgentProcess } from '../support/agent.ts';
import type { Update } from './package.ts';
import type { Screen } from './screen.ts';

export type StoryOptions = { readonly imageBytes: number; readonly chunkMs: number };

export type Story = {
  /** Resolves with a sentence for each check that failed. */
  play(): Promise<readonly string[]>;
  end(): Promise<void>;
  agentLog(): readonly string[];
};

/** P2: the chunk in flight, and one more that a server may force. */
const repeatedMax = 2;
const version = '2.0.0';
/** Time without power. */
const downMs = 1_000;

export function createStory(screen: Screen, directory: string, options: StoryOptions): Story {
  let agent: AgentProcess | undefined;
  let backend: Backend | undefined;
  let unfollow = () => {};

  async function start(config: string): Promise<AgentProcess> {
    const started = startAgent(config);
    agent = started;
    await started.logged(/ started /);
    unfollow = follow(join(directory, 'control.sock'), screen);
    return started;
  }

  async function play(): Promise<readonly string[]> {
    const update = makeUpdate(directory, version, options.imageBytes);
    const one = packageOfFile({ name: 'demo-app', version }, update.file);
    // The bar shows the other chunks.
    const thinning = createThinning(one.chunksCount, 1);
    let isOver = false;
    const server = createServing(options.chunkMs, (message) => {
      if (!isOver && thinning.isShown(message)) screen.tell(lineOf(message, [one]));
    });
    backend = server;
    await server.start();
    const config = writeConfig(directory, configOf(server.url, update, directory));
    introduce(screen, update, one, server.url);

    const first = await start(config);
    await server.registered();
    screen.tell('<- registers its six services with the node');
    server.server.notify([one]);
    const half = `demo-app ${version} ${Math.ceil(one.chunksCount / 2)}`;
    await server.until('half of the chunks', ({ sent }) => sent.has(half));
    unfollow();
    await first.kill('SIGKILL');
    const before = acksOf(server.server.log);
    const acked = /\d+$/.exec(before.at(-1)?.chunks ?? '')?.[0] ?? '0';
    screen.shout(`** SIGKILL: the agent is gone. Acknowledged are the chunks up to ${acked}`);
    await pause(downMs);

    const begunMs = performance.now();
    thinning.beginAnew();
    screen.shout('** the agent starts again');
    const second = await start(config);
    const said = await why(config);
    await server.until('an ack', ({ log }) => acksOf(log).length > before.length);
    const firstAck = acksOf(server.server.log)[before.length];
    screen.plain(['', '$ sota-agent why', ...said.map((line) => `| ${line}`), '']);
    await server.until('the report', (now) => isReported(now, one));
    await server.until('the list of packages', (now) => now.lists.length > 0);
    isOver = true;
    unfollow();
    const exitCode = await second.kill();

    const resumedMs = (firstAck?.atMs ?? 0) - begunMs;
    const resumedWith = firstAck?.chunks ?? '';
    const outcome = server.server.outcomes[0];
    const againBytes = server.chunksRepeated() * 65_536;
    const sha256 = existsSync(update.target) ? sha256Of(update.target) : 'nothing is there';
    screen.heading('What happened');
    screen.plain([
      `sent again   ${againBytes} bytes of ${one.sizeBytes}: what was on its way at the kill`,
      `resumed      ${Math.round(resumedMs)} ms after the start, with the ack [${resumedWith}]`,
      `installed    ${update.target}`,
      `             sha256 ${sha256}`,
      `reported     ${outcome?.status === true ? 'success' : 'FAILED'}: ${outcome?.text ?? ''}`,
      `time         ${screen.seconds()}`,
    ]);
    return brokenOf({
      'some chunks were acknowledged before the kill': acked !== '',
      'the first ack after the restart lists all that was acknowledged before':
        lastOf(resumedWith) >= lastOf(acked),
      'what was sent again is at most what was on its way': server.chunksRepeated() <= repeatedMax,
      '`sota-agent why` prints what was recovered': said.some((line) =>
        /: \d+ of \d+ chunks stored/.test(line),
      ),
      'the image that was made is the one that is installed': sha256 === update.imageSha256,
      'the device lists the new version': isListed(server.server.lists[0], version),
      'success is reported, once': server.server.outcomes.length === 1 && outcome?.status === true,
      'the agent ends with 0': exitCode === 0,
    });
  }

  return {
    play,
    end: async () => {
      unfollow();
      await agent?.kill('SIGKILL');
      await backend?.stop();
    },
    agentLog: () => (agent?.log() ?? '').trimEnd().split('\n').slice(-12),
  };
}

function createServing(chunkMs: number, onSeen: (message: SeenMessage) => void): Backend {
  return createBackend({
    onSeen,
    // Slows the link down so that a user can follow it; loopback is too fast.
    fault: ({ direction, service }) =>
      direction === 'out' && service === '/sota/chunk'
        ? { kind: 'delay', delayMs: chunkMs }
        : { kind: 'pass' },
  });
}

function configOf(url: string, update: Update, directory: string) {
  const swupdate = {
    args: swupdateArgs(update.certificate),
    // The agent must not use a SWUpdate daemon of this machine.
    sockets: join(directory, 'no-daemon'),
    versions_file: update.versions,
  };
  return {
    rvi: { url, listen: '127.0.0.1:0' },
    log: { level: 'info' },
    installer: { swupdate },
  };
}

function introduce(screen: Screen, update: Update, one: ServerPackage, url: string): void {
  const mebibytes = (one.sizeBytes / 1_048_576).toFixed(1);
  screen.heading('sota-agent: one update, and a kill half way');
  screen.plain([
    `package  ${one.id.name} ${one.id.version}: a signed .swu, ${mebibytes} MiB, ` +
      `${one.chunksCount} chunks`,
    `image    sha256 ${update.imageSha256}`,
    `backend  an RVI node and a SOTA server, at ${url}`,
    `agent    ${agentPath()} run`,
    '         -> goes to the vehicle, <- to the server',
    '',
  ]);
}

/** Returns the last chunk of a list without gaps, such as `1-128`. */
const lastOf = (chunks: string) => Number(/^1(?:-(\d+))?$/.exec(chunks)?.[1] ?? 1);

const isListed = (list: readonly PackageId[] | undefined, wanted: string) =>
  list?.some(({ name, version: listed }) => name === 'app.bin' && listed === wanted) === true;

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

function why(config: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const [program = '', ...args] = [...launcher, agentPath(), 'why', '--config', config];
    execFile(program, args, (error, stdout) => {
      if (error === null) resolve(stdout.trimEnd().split('\n'));
      else reject(error);
    });
  });
}

function brokenOf(checks: { readonly [sentence: string]: boolean }): readonly string[] {
  return Object.entries(checks).flatMap(([sentence, holds]) => (holds ? [] : [sentence]));
}
