// One install through a running daemon: the request, the bytes of the .swu, and the wait for what
// came of it. A connection that breaks says nothing: the verdict is on the progress socket, or in
// what the daemon says its last result was.
import { openLine, sleep } from './socket-client.ts';
import { follow } from './progress-client.ts';
import { decodeAnswer, encodeInstall, statusSuccess } from './ipc.ts';
import { isPassingCode } from '../patient.ts';
import type { Disk, DiskFile } from '../../host/ports.ts';
import type { InstallRequest } from '../installer.ts';
import type { Control } from './control.ts';
import type { Follower } from './progress-client.ts';
import type { Line, LinePorts } from './socket-client.ts';

export type SendPorts = LinePorts & { readonly disk: Disk };

/** What became of one start of SWUpdate, as far as it says itself. */
export type Ended =
  | { readonly kind: 'success' | 'failure'; readonly errors: readonly string[] }
  | { readonly kind: 'busy'; readonly reason: string }
  /** Nothing was installed, and would not be the next time. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** It ended in the middle, without a verdict. */
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'late' };

const blockBytes = 65_536;
const answerMs = 30_000;
const pollMs = 200;
/** Seldom beside a progress socket that works: each time takes lines of the log from others. */
const statusEveryMs = 5_000;
const statusEveryAloneMs = 500;
/** After its verdict a daemon takes a moment to be idle (up to its own commands). */
const settleMs = 30_000;

export async function send(
  ports: SendPorts,
  control: Control,
  request: InstallRequest,
  limitMs: number,
): Promise<Ended> {
  const opened = await ports.disk.open(request.path, 'read');
  if (!opened.ok) {
    const reason = `cannot read the payload: ${opened.reason}`;
    return { kind: isPassingCode(opened.code) ? 'busy' : 'refused', reason };
  }
  try {
    return await sendFile(ports, control, request, opened.value, limitMs);
  } finally {
    await opened.value.close();
  }
}

async function sendFile(
  ports: SendPorts,
  control: Control,
  request: InstallRequest,
  file: DiskFile,
  limitMs: number,
): Promise<Ended> {
  const deadlineMs = ports.clock.nowMs() + limitMs;
  // What clearing the mark made the daemon say is not of this update, nor is its last result.
  const { lastResult } = await control.status();
  const info = `sota-agent ${request.path} ${Math.round(ports.clock.wallMs())}`;
  const follower = await follow(ports, control.directory, info, request.onProgress);
  try {
    const asked = await ask(ports, control, info);
    if (!('line' in asked)) return asked;
    const { line } = asked;
    try {
      const sent = stream(ports, line, request.sizeBytes, file, deadlineMs, follower);
      const ended = await outcome(ports, control, follower, sent, deadlineMs, lastResult);
      line.close();
      await sent;
      return ended;
    } finally {
      line.close();
    }
  } finally {
    follower?.close();
  }
}

/** The last moment at which it can say no. */
async function ask(
  ports: SendPorts,
  control: Control,
  info: string,
): Promise<Ended | { readonly line: Line }> {
  const opened = await openLine(ports, control.socket);
  if (!opened.ok) return { kind: 'lost', reason: `cannot connect: ${opened.reason}` };
  const line = opened.value;
  await line.write(encodeInstall(control.shape, info), answerMs);
  const { data, end } = await line.take(control.shape.sizeBytes, answerMs);
  const answer = end === 'whole' ? decodeAnswer(data) : undefined;
  if (answer?.kind === 'ack') return { line };
  line.close();
  if (answer === undefined) return { kind: 'lost', reason: 'the daemon did not answer' };
  if (/progress/i.test(answer.reason)) return { kind: 'busy', reason: answer.reason };
  const reason = answer.reason === '' ? 'the daemon refuses the request' : answer.reason;
  return { kind: 'refused', reason };
}

/** Ends early when the daemon reads no more, which it does as soon as it has seen enough. */
async function stream(
  ports: SendPorts,
  line: Line,
  payloadBytes: number,
  file: DiskFile,
  deadlineMs: number,
  follower: Follower | undefined,
): Promise<void> {
  for (let offset = 0; offset < payloadBytes; offset += blockBytes) {
    const sizeBytes = Math.min(blockBytes, payloadBytes - offset);
    const read = await file.read(offset, sizeBytes);
    if (!read.ok || read.value.length < sizeBytes) return line.close();
    const leftMs = Math.max(1, deadlineMs - ports.clock.nowMs());
    const written = await line.write(read.value, leftMs);
    if (!written.ok || follower?.verdict() !== undefined) break;
  }
  line.end();
}

async function outcome(
  ports: SendPorts,
  control: Control,
  follower: Follower | undefined,
  sent: Promise<void>,
  deadlineMs: number,
  earlierResult: number,
): Promise<Ended> {
  const { clock } = ports;
  const errors: string[] = [];
  let isSent = false;
  let hasBegun = false;
  let idleCount = 0;
  let askedMs = clock.nowMs();
  void sent.then(() => (isSent = true));
  for (;;) {
    const verdict = follower?.verdict();
    if (verdict !== undefined) {
      const settled = await control.idle(settleMs);
      return { kind: verdict, errors: [...errors, ...settled.errors] };
    }
    if (clock.nowMs() >= deadlineMs) return { kind: 'late' };
    const isAlone = follower === undefined || follower.isClosed();
    if (clock.nowMs() - askedMs >= (isAlone ? statusEveryAloneMs : statusEveryMs)) {
      askedMs = clock.nowMs();
      const found = await control.status();
      errors.push(...found.errors);
      if (found.kind === 'gone') return { kind: 'lost', reason: 'the daemon ended' };
      const isChanged = found.lastResult !== earlierResult || found.kind === 'busy';
      hasBegun ||= isChanged || found.linesCount > 0 || follower?.isStarted() === true;
      // At first it may still show the idleness, and the result, of before the request.
      idleCount = found.kind === 'idle' && isSent ? idleCount + 1 : 0;
      if (idleCount >= 2) {
        const reason = 'the daemon does not show whether it installed this';
        return hasBegun ? ofLastResult(found.lastResult, errors) : { kind: 'lost', reason };
      }
    }
    await sleep(clock, pollMs);
  }
}

function ofLastResult(lastResult: number, errors: readonly string[]): Ended {
  if (lastResult === 0) return { kind: 'lost', reason: 'the daemon was started anew' };
  return { kind: lastResult === statusSuccess ? 'success' : 'failure', errors };
}
