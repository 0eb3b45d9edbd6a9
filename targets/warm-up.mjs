// Runs the script of the agent in the Node of a target until the agent is registered, and writes
// the code cache of the script, with all functions that were called.
//
//   node warm-up.mjs SCRIPT CACHE     the agent writes into the working directory
//
// The same functions must run in the same order each time, or the bytes differ. So files are used
// in the main thread, nothing is sent, and what differs between machines is fixed.
import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import os from 'node:os';
import { dirname } from 'node:path';
import process from 'node:process';
import { setImmediate } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';

const [node, , script, cache] = process.argv;
const source = fs.readFileSync(script, 'utf8');
const names = ['exports', 'require', 'module', '__filename', '__dirname'];
/** V8 keeps the script of a source, so the second call returns a cache of what ran meanwhile. */
const compiled = () => vm.compileFunction(source, names, { produceCachedData: true });

// Both depend on the time, and V8 notes both in the cache.
const flags = ['flush-bytecode', 'sparkplug'];

/** Each function returns what the one with this name plus `Sync` returns. */
const promises = new Proxy(fs.promises, {
  get(real, name) {
    if (name === 'open') return async (...given) => handleOf(fs.openSync(...given));
    const act = fs[`${String(name)}Sync`];
    return act === undefined ? real[name] : async (...given) => act(...given);
  },
});

function handleOf(fd) {
  const of = (name) => {
    return async (...given) => fs[`f${name}Sync`](fd, ...given);
  };
  const [stat, chmod, truncate, sync, datasync] = [
    'stat',
    'chmod',
    'truncate',
    'sync',
    'datasync',
  ].map(of);
  const read = async (...given) => ({ bytesRead: fs.readSync(fd, ...given) });
  const write = async (...given) => ({ bytesWritten: fs.writeSync(fd, ...given) });
  const close = async () => fs.closeSync(fd);
  return { fd, stat, chmod, truncate, sync, datasync, read, write, close };
}

/** Answers each call as a node does that knows no other service. */
function request() {
  const sent = new EventEmitter();
  const socket = Object.assign(new EventEmitter(), { connecting: true, bytesRead: 0 });
  const response = Object.assign(new EventEmitter(), { statusCode: 200, headers: {} });
  const answer = (body) => {
    const { id, params } = JSON.parse(body.toString());
    const result = { status: 0, service: `host${params.service}`, services: [] };
    sent.emit('socket', socket);
    socket.emit('connect');
    sent.emit('finish');
    sent.emit('response', response);
    response.emit('data', Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result })));
    response.emit('end');
  };
  return Object.assign(sent, { end: (body) => void process.nextTick(answer, body) });
}

const mounts = '1 0 8:1 / / rw,relatime - ext4 /dev/root rw\n';
function readFileSync(path, ...more) {
  if (path === '/proc/self/mountinfo') return mounts;
  if (path === '/proc/self/cgroup') return '0::/\n';
  return String(path).startsWith('/sys/fs/cgroup/') ? 'max\n' : fs.readFileSync(path, ...more);
}
const replaced = {
  'node:fs': { ...fs, promises, readFileSync },
  'node:fs/promises': promises,
  'node:http': { ...http, request },
  'node:os': { ...os, hostname: () => 'localhost', networkInterfaces: () => ({}) },
};

let log = '';
process.stderr.write = (text) => {
  log += text;
  return true;
};
const folder = process.cwd();
const config = `rvi = { url = "http://127.0.0.1:9", listen = "127.0.0.1:0" }
storage = { dir = "${folder}/state", min_free = "1 MiB" }
control = { socket = "${folder}/control.sock" }
installer = { enabled = ["swupdate"], swupdate = { args = ["-k", "/etc/key.pem"] } }
`;
fs.writeFileSync('config.toml', config);
// The agent starts no program.
process.env.PATH = '/nonexistent';
process.argv = [node, script, 'run', '--config', 'config.toml'];
const required = createRequire(script);
const main = compiled();
for (const flag of flags) v8.setFlagsFromString(`--no-${flag}`);
main({}, (name) => replaced[name] ?? required(name), { exports: {} }, script, dirname(script));

const isDone = () => / started /.test(log) && / registered /.test(log);
for (let turn = 0; turn < 10_000 && !isDone(); turn += 1) await setImmediate();
for (let turn = 0; turn < 100; turn += 1) await setImmediate();
if (!isDone()) {
  fs.writeSync(2, `the agent did not start: ${log}`);
  process.exit(1);
}
// V8 rejects a cache that was made with other flags.
for (const flag of flags) v8.setFlagsFromString(`--${flag}`);
fs.writeFileSync(cache, compiled().cachedData);
process.exit(0);
