// `make systemd`: does what an integrator does, from the release to the first update, in an
// emulated ARM machine with a real systemd. PART=unit, root or unprivileged runs one part.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { unpackRelease } from './image.ts';
import { trySession } from './session.ts';
import { tryUnit } from './unit.ts';

process.chdir(process.env['SOTA_AGENT_ROOT'] ?? '.');
const parts = {
  unit: tryUnit,
  root: (folder: string, release: string) => trySession(folder, release, false),
  unprivileged: (folder: string, release: string) => trySession(folder, release, true),
};
const wanted = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'sota-systemd-'));
try {
  const release = unpackRelease(folder);
  for (const [name, act] of Object.entries(parts)) {
    if (wanted.length === 0 || wanted.includes(name)) await act(folder, release);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
