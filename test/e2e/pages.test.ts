// Tests the commands in the documentation: runs the blocks that name this file, each in a scratch
// directory. The directory has the built executable, the Makefile, and the last configuration above
// the block.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { commandsOf, runner } from '../docs/commands.ts';
import { pagesOfTree, parse } from '../docs/markdown.ts';
import { agentPath } from '../support/agent.ts';
import { assert, suite } from '../support/suite.ts';
import type { Block } from '../docs/markdown.ts';

const test = suite('the commands of the pages, run');

type Found = { readonly page: string; readonly block: Block; readonly config: string | undefined };

function blocksOf(page: string): readonly Found[] {
  const { blocks } = parse(readFileSync(page, 'utf8'));
  return blocks
    .filter(({ marker }) => marker === `run: ${runner}`)
    .map((block) => {
      const above = blocks.filter(({ line, language }) => line < block.line && language === 'toml');
      return { page, block, config: above.at(-1)?.text };
    });
}

/** Runs the command in a shell; throws with the output if it fails. */
function run(command: string, config: string | undefined): string {
  const scratch = mkdtempSync(join(tmpdir(), 'sota-page-'));
  try {
    for (const folder of ['bin', 'build/linux-x64']) {
      mkdirSync(join(scratch, folder), { recursive: true });
      symlinkSync(agentPath(), join(scratch, folder, 'sota-agent'));
    }
    symlinkSync(join(process.cwd(), 'Makefile'), join(scratch, 'Makefile'));
    if (config !== undefined) writeFileSync(join(scratch, 'config.toml'), config);
    const env = { PATH: `${join(scratch, 'bin')}:${process.env['PATH'] ?? ''}`, LC_ALL: 'C' };
    const options = { cwd: scratch, env, encoding: 'utf8', stdio: 'pipe' } as const;
    return execFileSync('sh', ['-euc', command], options);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const found = pagesOfTree().flatMap(blocksOf);

test('there are blocks to run, of several pages', () => {
  assert.ok(found.length > 5, `${found.length} blocks`);
  assert.ok(new Set(found.map(({ page }) => page)).size > 3);
});

for (const { page, block, config } of found) {
  for (const command of commandsOf(block)) {
    test(`${page}, line ${block.line}: ${command}`, () => {
      assert.ok(run(command, config).length > 0, 'it prints something');
    });
  }
}

test('a command that fails, fails its test', () => {
  assert.throws(() => run('sota-agent nothing', undefined), /unknown command "nothing"/);
  assert.throws(() => run('sota-agent config --config config.toml', 'x = 1\n'), /config\.toml:1/);
});

test.run();
