// Sends requests to the daemon, and prints an error if there is no answer.
import { sendRequest } from '../control/client.ts';
import { otherVersion } from '../control/protocol.ts';
import { unreachable } from '../assert.ts';
import { plain } from '../sanitize.ts';
import { exitCodes } from './ports.ts';
import { hiddenDaemonText, checkSocketOwner } from './socket.ts';
import type { RequestResult, ConnectionLost, Unreachable } from '../control/client.ts';
import type { ControlRequest, ControlResponse, Refusal } from '../control/protocol.ts';
import type { Settings } from '../settings.ts';
import type { Status } from '../core/status.ts';
import type { CommandPorts } from './ports.ts';

export type DaemonResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly exitCode: number };

const notReached = { ok: false, exitCode: exitCodes.unreachable } as const;

/** Returns the answer of the daemon; prints the reason on stderr if there is none. */
export async function requestDaemon(
  ports: CommandPorts,
  settings: Settings,
  request: ControlRequest,
): Promise<DaemonResult<Extract<ControlResponse, { ok: true }>>> {
  if (!checkSocketOwner(ports, settings, request.command)) return notReached;
  const result = await sendRequest(ports, settings.control.socket, request);
  return (await reportHidden(ports, settings, result)) ?? toResult(ports, settings, result);
}

/** Returns the status of the daemon; if the daemon is down, of the files in storage.dir. */
export async function requestStatus(
  ports: CommandPorts,
  settings: Settings,
  command: 'status' | 'why',
): Promise<DaemonResult<Status>> {
  if (!checkSocketOwner(ports, settings, command)) return notReached;
  const result = await sendRequest(ports, settings.control.socket, { command });
  const isHidden = await reportHidden(ports, settings, result);
  if (isHidden !== undefined) return isHidden;
  if (result.kind === 'unreachable' && isDown(result)) {
    const stored = await ports.readFlash(settings);
    if (!stored.ok) {
      const hint = 'remove it, and check who can write to storage.dir';
      ports.terminal.err(`${plain(`the daemon is not running, and ${stored.reason}: ${hint}`)}\n`);
      return { ok: false, exitCode: exitCodes.failed };
    }
    if (stored.value !== undefined) return { ok: true, value: stored.value };
  }
  const sorted = toResult(ports, settings, result);
  if (!sorted.ok) return sorted;
  if ('status' in sorted.value) return { ok: true, value: sorted.value.status };
  return { ok: false, exitCode: reportOtherVersion(ports) };
}

/** A daemon that runs but is not reachable: the files on flash are not its current state. */
async function reportHidden(
  ports: CommandPorts,
  settings: Settings,
  result: RequestResult,
): Promise<typeof notReached | undefined> {
  const text =
    result.kind === 'unreachable' ? await hiddenDaemonText(ports, settings, result) : undefined;
  if (text === undefined) return undefined;
  ports.terminal.err(`${text}\n`);
  return notReached;
}

function toResult(
  { terminal }: CommandPorts,
  settings: Settings,
  result: RequestResult,
): DaemonResult<Extract<ControlResponse, { ok: true }>> {
  switch (result.kind) {
    case 'answered': {
      const { response } = result;
      if (response.ok) return { ok: true, value: response };
      terminal.err(`${refusalText(response)}\n`);
      return { ok: false, exitCode: exitCodes.failed };
    }
    case 'unreachable':
    case 'lost':
      terminal.err(`${connectionText(result, settings)}\n`);
      return { ok: false, exitCode: exitCodes.unreachable };
    default:
      return unreachable(result);
  }
}

/** Prints that the answer does not belong to the request. */
export function reportOtherVersion({ terminal }: CommandPorts): number {
  terminal.err(`${otherVersion}\n`);
  return exitCodes.failed;
}

/** A request of the same version is never a bad request. */
export const refusalText = ({ code, reason }: Refusal) =>
  plain(code === 'bad-request' ? otherVersion : `${reason} (${code})`);

function isDown({ code }: Unreachable): boolean {
  return code === 'ENOENT' || code === 'ECONNREFUSED';
}

export function connectionText(failure: Unreachable | ConnectionLost, settings: Settings): string {
  const { socket } = settings.control;
  if (failure.kind === 'lost')
    return plain(`the connection to the daemon at ${socket} ended: ${failure.reason}`);
  if (isDown(failure)) {
    const start = 'start it with "systemctl start sota-agent" or "sota-agent run"';
    return plain(`the daemon is not running (no listener at ${socket}): ${start}`);
  }
  if (failure.code === 'EACCES' || failure.code === 'EPERM') {
    return plain(`no permission to use ${socket}: run this command as root`);
  }
  return plain(`the daemon at ${socket} cannot be reached: ${failure.reason}`);
}
