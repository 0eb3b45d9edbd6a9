#!/usr/bin/env node
// The fake opkg as a program; opkg-run.mjs has what it does.
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { runOpkg } from './opkg-run.mjs';

process.exitCode = runOpkg(process.argv.slice(2), {
  pid: process.pid,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  script(args, more) {
    // What a script leaves running keeps the outputs, as with opkg.
    return spawnSync('sh', args, { env: { ...process.env, ...more }, stdio: 'inherit' }).status;
  },
  kill(signal) {
    process.kill(process.pid, signal);
    // The signal comes a moment later.
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  },
});
