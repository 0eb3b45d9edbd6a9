// Runs a test job in its own process, prints a line per file, and kills the process when it makes
// no progress. A slow machine does not cause a kill.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

/** The limit without output and without activity of its processes (test/support/activity.ts). */
const idleMsMax = 300_000;
/** The limit of CPU time without output. A busy loop reaches it. */
const cpuMsMax = 1_800_000;
/** The limit after the last test, for closing. An open handle keeps the process running. */
const closeMsMax = 10_000;
const periodMs = 1_000;
export const oneProcess = 'test/support/one-process.ts';

/** `harness`: the bundle of one-process.ts. `bundleAll`: returns the paths of the bundles. */
export async function createRunner({ harness, coverage, bundleAll }) {
  const [activity] = await bundleAll(['test/support/activity.ts']);
  const { createMeter } = await import(pathToFileURL(activity).href);
  const groups = new Set();

  /** `onFile` receives the counts and seconds of each file. */
  async function run(job, onFile) {
    const tell = (file, result, seconds) => onFile(print(file, result, seconds), seconds);
    if (job.isOneProcess !== true) {
      const [{ file, bundle }] = job.files;
      const startedMs = performance.now();
      const { code, output } = await start([bundle], job.env);
      tell(file, { code, output }, secondsSince(startedMs));
      return;
    }
    for (let rest = job.files; rest.length > 0; ) rest = await runTogether(rest, job.env, tell);
  }

  /** Returns the files that did not run: those after a file that ended the process. */
  async function runTogether(files, env, tell) {
    const mark = `@${randomUUID()}`;
    const args = [harness, mark, ...files.map((one) => pathToFileURL(one.bundle).href)];
    let [text, at, startedMs] = ['', -1, 0];
    const ended = new Set();
    const onText = (more) => {
      text += more;
      const pattern = new RegExp(`\n${mark} (begin|end) (\\d+)(?: (ok|failed) (\\d+))?\n`);
      for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
        const before = text.slice(0, found.index);
        text = text.slice(found.index + found[0].length);
        at = Number(found[2]);
        if (found[1] === 'begin') startedMs = performance.now();
        else {
          ended.add(at);
          tell(files[at].file, { code: found[3] === 'ok' ? 0 : 1, output: before }, found[4] / 1e3);
        }
      }
    };
    const { code, output } = await start(args, env, onText);
    if (ended.size === files.length && code === 0) return [];
    // Without a mark, the process itself did not start or did not end.
    if (at < 0) tell(files[0].file, { code, output }, 0);
    else if (!ended.has(at)) tell(files[at].file, { code, output: text }, secondsSince(startedMs));
    else if (at === files.length - 1 && code !== 0 && code !== 1) {
      tell('all files of one process, after the last', { code, output: text }, 0);
    }
    return files.slice(Math.max(at, 0) + 1);
  }

  function start(args, env, onText = () => {}) {
    const child = spawn(process.execPath, ['--enable-source-maps', ...args], {
      detached: true,
      env: { ...process.env, NODE_V8_COVERAGE: coverage, FORCE_COLOR: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    groups.add(child.pid);
    let output = '';
    const isLast = () => args.length === 1 && /^ {2}Duration: /m.test(output);
    const watch = startWatch(child.pid, isLast, (why) => {
      output += `\nkilled: ${why}`;
      onText(`\nkilled: ${why}`);
      kill(child.pid);
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        onText(text);
        watch.onOutput();
      });
    }
    // Processes that a test leaves running would keep the pipes open.
    child.on('exit', () => kill(child.pid));
    return new Promise((done) => {
      child.on('close', (code, signal) => {
        watch.end();
        done({ code: code ?? signal, output });
      });
    });
  }

  /** `isLast`: whether all tests have run and only open handles keep the process running. */
  function startWatch(pid, isLast, onOver) {
    const measure = createMeter(pid);
    let [idleMs, cpuMs] = [0, 0];
    const timer = setInterval(() => {
      const { cpuMs: usedMs, isBusy } = measure(periodMs);
      cpuMs += usedMs;
      if (!isBusy) idleMs += periodMs;
      const limitMs = isLast() ? closeMsMax : idleMsMax;
      const seconds = limitMs / 1_000;
      if (idleMs >= limitMs) onOver(`it did not end: no output and no activity for ${seconds} s`);
      else if (cpuMs >= cpuMsMax) onOver(`no output in ${cpuMsMax / 1_000} s of CPU time`);
      else return;
      clearInterval(timer);
    }, periodMs);
    return {
      onOutput() {
        [idleMs, cpuMs] = [0, 0];
      },
      end: () => clearInterval(timer),
    };
  }

  function kill(group) {
    groups.delete(group);
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // The group has no process.
    }
  }

  return { run, end: () => [...groups].forEach(kill) };
}

/** Prints the line of a file and, after a failure, its output; returns the counts. */
function print(file, { code, output }, seconds) {
  const counts = countsOf(output);
  const isBad = code !== 0 || counts.failed > 0 || counts.passed + counts.skipped === 0;
  // A file that ends too early or runs no test counts as one failure.
  if (isBad && counts.failed === 0) counts.failed = 1;
  const sum = `${counts.passed} passed  ${seconds.toFixed(1)} s`;
  console.log(`${isBad ? 'FAIL' : ' ok '}  ${file}  ${sum}`);
  for (const line of output.trimEnd().split('\n')) {
    if (isBad || line.startsWith('SKIP') || line.startsWith('|')) console.log(`      ${line}`);
  }
  if (isBad) console.log(`      exit code ${code}`);
  return counts;
}

/** Reads the totals that uvu prints last. test/support/suite.ts prints the `SKIP` lines. */
function countsOf(output) {
  const last = (pattern) => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
  const passed = last(/^ {2}Passed: +(\d+)/gm);
  const failed = last(/^ {2}Total: +(\d+)/gm) - passed;
  return { passed, failed, skipped: [...output.matchAll(/^SKIP /gm)].length };
}

const secondsSince = (startedMs) => (performance.now() - startedMs) / 1_000;
