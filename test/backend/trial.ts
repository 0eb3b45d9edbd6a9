// Writes a configuration to try the agent with `make backend`, and the commands to type.
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';

/** The kernel's `sun_path` has 108 bytes, including a zero. */
const socketPathBytesMax = 107;

/**
 * Returns the path of the configuration. The files of a trial stay, so that the agent can restart.
 */
export function writeTrial(folder: string, url: string, dialect: string): string {
  const file = join(folder, 'config.toml');
  mkdirSync(folder, { recursive: true });
  const near = join(folder, 'control.sock');
  const isShort = Buffer.byteLength(near) <= socketPathBytesMax;
  const socket = isShort ? near : join(tmpdir(), `sota-agent-try-${process.getuid?.() ?? 0}.sock`);
  const install = `cp "$SOTA_PACKAGE_FILE" '${folder}/installed'`;
  const lines = [
    '# Each `make backend` overwrites this file; copy it to change it.',
    '[rvi]',
    `url = ${JSON.stringify(url)}`,
    ...(url.startsWith('ws') ? [`node_dialect = "${dialect}"`] : ['listen = "127.0.0.1:0"']),
    '',
    '[storage]',
    `dir = ${JSON.stringify(join(folder, 'state'))}`,
    'min_free = "1 MiB"',
    '',
    '[control]',
    `socket = ${JSON.stringify(socket)}`,
    '',
    '# "auto" gives a .swu to swupdate and an .ipk to opkg.',
    '[installer]',
    'default = "command"',
    '',
    '[installer.command]',
    'program = "sh"',
    `args = ["-c", ${JSON.stringify(install)}]`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

export function commandsOf(folder: string, file: string): readonly string[] {
  const here = (path: string) => relative(process.cwd(), path);
  const command = `build/linux-x64/sota-agent run --config ${here(file)}`;
  return [
    'Type in a second terminal, here:',
    '',
    `    ${command}`,
    '',
    'and in a third one the same with watch, status or why instead of run. Each payload is copied',
    `to ${here(join(folder, 'installed'))}. End the agent and start it again: it continues.`,
    'Ctrl-C ends the backend.',
    '',
  ];
}
