// One install through a running daemon: the request, the bytes of the .swu, and the wait for the
// result. A broken connection proves nothing: the result is on the progress socket, or is the last
// result in the status of the daemon.
import { withFile } from '../files.ts';
import { isTransientCode } from '../program.ts';
import { sleep } from '../waiting.ts';
import { connect } from './connection.ts';
import { decodeAnswer, encodeInstall, statusSuccess } from './control-socket.ts';
import { follow } from './progress-socket.ts';
import type { Disk, DiskFile } from '../../host/ports.ts';
import type { InstallRequest } from '../installer.ts';
import type { Connection, SocketPorts } from './connection.ts';
import type { Control } from './control-socket.ts';
import type { Follower } from './progress-socket.ts';
import type { Ended } from './result.ts';

export type DaemonPorts = SocketPorts & { readonly disk: Disk };

const blockBytes = 65_536;
const answerMs = 30_000;
const pollMs = 200;
/** Rare if the progress socket works: each status takes lines of the log from other clients. */
const statusIntervalMs = 5_000;
const statusIntervalAloneMs = 500;
/** After its result a daemon is busy for a moment, with its own commands. */
const settleMs = 30_000;

/** One install: what its steps share. */
type Session = {
  readonly ports: DaemonPorts;
  readonly control: Control;
  readonly request: InstallRequest;
  readonly deadlineMs: number;
  /** Undefined: the progress socket does not accept connections. */
  readonly follower: Follower | undefined;
};

export async function installByDaemon(
  ports: DaemonPorts,
  control: Control,
  request: InstallRequest,
  limitMs: number,
): Promise<Ended> {
  const deadlineMs = ports.clock.nowMs() + limitMs;
  const installed = await withFile<Ended>(ports.disk, request.path, async (file) => {
    // Lines of the log and a last result from before the request are not of this update.
    const { lastResult } = await control.status();
    const info = `sota-agent ${request.path} ${Math.round(ports.clock.wallMs())}`;
    const follower = await follow(ports, control.directory, info, request.onProgress);
    const session = { ports, control, request, deadlineMs, follower };
    const ended = await installFile(session, info, file, lastResult);
    follower?.close();
    return { ok: true, value: ended };
  });
  if (installed.ok) return installed.value;
  const reason = `cannot read the payload: ${installed.reason}`;
  return { kind: isTransientCode(installed.code) ? 'busy' : 'refused', reason };
}

async function installFile(
  session: Session,
  info: string,
  file: DiskFile,
  earlierResult: number,
): Promise<Ended> {
  const requested = await requestInstall(session, info);
  if (!('connection' in requested)) return requested;
  const { connection } = requested;
  const sent = send(session, connection, file);
  const ended = await waitForResult(session, sent, earlierResult);
  connection.close();
  await sent;
  return ended;
}

/** After this request the daemon cannot refuse any more. */
async function requestInstall(
  { ports, control }: Session,
  info: string,
): Promise<Ended | { readonly connection: Connection }> {
  const connected = await connect(ports, control.socket);
  if (!connected.ok) return { kind: 'lost', reason: `cannot connect: ${connected.reason}` };
  const connection = connected.value;
  await connection.write(encodeInstall(control.layout, info), answerMs);
  const { data, end } = await connection.take(control.layout.sizeBytes, answerMs);
  const answer = end === 'complete' ? decodeAnswer(data) : undefined;
  if (answer?.kind === 'ack') return { connection };
  connection.close();
  if (answer === undefined) return { kind: 'lost', reason: 'the daemon did not answer' };
  if (/progress/i.test(answer.reason)) return { kind: 'busy', reason: answer.reason };
  const reason = answer.reason === '' ? 'the daemon refuses the request' : answer.reason;
  return { kind: 'refused', reason };
}

/** Ends early if the daemon reads no more: it closes as soon as it has what it needs. */
async function send(
  { ports, request, deadlineMs, follower }: Session,
  connection: Connection,
  file: DiskFile,
): Promise<void> {
  for (let offset = 0; offset < request.sizeBytes; offset += blockBytes) {
    const sizeBytes = Math.min(blockBytes, request.sizeBytes - offset);
    const read = await file.read(offset, sizeBytes);
    if (!read.ok || read.value.length < sizeBytes) return connection.close();
    const leftMs = Math.max(1, deadlineMs - ports.clock.nowMs());
    const written = await connection.write(read.value, leftMs);
    if (!written.ok || follower?.verdict() !== undefined) break;
  }
  connection.end();
}

async function waitForResult(
  { ports, control, deadlineMs, follower }: Session,
  sent: Promise<void>,
  earlierResult: number,
): Promise<Ended> {
  const { clock } = ports;
  const errors: string[] = [];
  let isSent = false;
  let hasBegun = false;
  let idleCount = 0;
  let requestedMs = clock.nowMs();
  void sent.then(() => (isSent = true));
  for (;;) {
    const verdict = follower?.verdict();
    if (verdict !== undefined) {
      const settled = await control.waitUntilIdle(settleMs);
      return { kind: verdict, errors: [...errors, ...settled.errors] };
    }
    if (clock.nowMs() >= deadlineMs) return { kind: 'timed-out' };
    const isAlone = follower === undefined || follower.isClosed();
    if (clock.nowMs() - requestedMs >= (isAlone ? statusIntervalAloneMs : statusIntervalMs)) {
      requestedMs = clock.nowMs();
      const found = await control.status();
      errors.push(...found.errors);
      if (found.kind === 'gone') return { kind: 'lost', reason: 'the daemon ended' };
      const isChanged = found.lastResult !== earlierResult || found.kind === 'busy';
      hasBegun ||= isChanged || found.linesCount > 0 || follower?.isStarted() === true;
      // The first status may still be the idle one from before the request, with its result.
      idleCount = found.kind === 'idle' && isSent ? idleCount + 1 : 0;
      if (idleCount >= 2) {
        const reason = 'the daemon does not show whether it installed this';
        return hasBegun ? endedByLastResult(found.lastResult, errors) : { kind: 'lost', reason };
      }
    }
    await sleep(clock, pollMs);
  }
}

function endedByLastResult(lastResult: number, errors: readonly string[]): Ended {
  if (lastResult === 0) return { kind: 'lost', reason: 'the daemon was restarted' };
  return { kind: lastResult === statusSuccess ? 'success' : 'failure', errors };
}
