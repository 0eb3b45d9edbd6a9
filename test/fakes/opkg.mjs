#!/usr/bin/env node
// Runs the fake opkg as a program; opkg-run.mjs has its behaviour.
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { runOpkg } from './opkg-run.mjs';

process.exitCode = runOpkg(process.argv.slice(2), {
  pid: process.pid,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  script(args, more) {
    // Background processes of a script keep the outputs open, as with opkg.
    return spawnSync('sh', args, { env: { ...process.env, ...more }, stdio: 'inherit' }).status;
  },
  kill(signal) {
    process.kill(process.pid, signal);
    // The signal arrives a moment later.
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  },
});
