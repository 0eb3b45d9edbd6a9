// `make demo`: plays one update from the offer to the report, with a power loss in the middle. It
// uses the built agent, a node, a server, and Debian's swupdate. The exit code is 0 only if every
// check passes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { hasProgram } from '../support/programs.ts';
import { createStory } from './story.ts';
import { createScreen } from './screen.ts';

const usage = 'node test/run.mjs --script test/demo/demo.ts -- [--mib 16] [--chunk-ms 25]';

function readArguments(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      mib: { type: 'string', default: '16' },
      'chunk-ms': { type: 'string', default: '25' },
    },
  });
  const [mebibytes, chunkMs] = [Number(values.mib), Number(values['chunk-ms'])];
  if (!(mebibytes >= 1 && mebibytes <= 256)) throw new Error('--mib: 1 to 256');
  if (!(chunkMs >= 0 && chunkMs <= 1_000)) throw new Error('--chunk-ms: 0 to 1000');
  return { imageBytes: Math.round(mebibytes * 1_048_576), chunkMs };
}

async function main(): Promise<number> {
  let options: ReturnType<typeof readArguments>;
  try {
    options = readArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
  const missing = ['openssl', 'cpio', 'swupdate'].filter((name) => !hasProgram(name));
  if (missing.length > 0) {
    console.error(`demo: not on this machine: apt-get install ${missing.join(' ')}`);
    return 1;
  }
  const directory = mkdtempSync(join(tmpdir(), 'sota-demo-'));
  const screen = createScreen();
  const story = createStory(screen, directory, options);
  const cleanUp = async () => {
    await story.end();
    rmSync(directory, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cleanUp().then(() => process.exit(130)));
  }
  try {
    const broken = await story.play();
    screen.heading(broken.length === 0 ? 'All as expected.' : 'NOT as expected:');
    screen.plain(broken);
    return broken.length === 0 ? 0 : 1;
  } catch (error) {
    screen.heading('NOT as expected:');
    screen.plain((error instanceof Error ? (error.stack ?? '') : String(error)).split('\n'));
    screen.plain(['', 'the last lines of the agent:', ...story.agentLog()]);
    return 1;
  } finally {
    await cleanUp();
  }
}

void main().then((exitCode) => {
  process.exitCode = exitCode;
});
