// Asking the daemon, and what to tell a person when it does not answer.
import { ask } from '../control/client.ts';
import { unreachable } from '../assert.ts';
import { plain } from '../sanitize.ts';
import { exitCodes } from './ports.ts';
import { hiddenText, mayAsk } from './socket.ts';
import type { Asked, Lost, Unreached } from '../control/client.ts';
import type { ControlRequest, ControlResponse, Refusal } from '../control/protocol.ts';
import type { Settings } from '../core/settings.ts';
import type { Status } from '../core/status.ts';
import type { CommandPorts } from './ports.ts';

export type Reached<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly exitCode: number };

const notReached = { ok: false, exitCode: exitCodes.unreachable } as const;

/** The daemon's answer; what kept it back is told on stderr. */
export async function reach(
  ports: CommandPorts,
  settings: Settings,
  request: ControlRequest,
): Promise<Reached<Extract<ControlResponse, { ok: true }>>> {
  if (!mayAsk(ports, settings, request.command)) return notReached;
  const asked = await ask(ports, settings.control.socket, request);
  return (await hidden(ports, settings, asked)) ?? sort(ports, settings, asked);
}

/** Of the daemon; where it is down, of the files that it left. */
export async function reachStatus(
  ports: CommandPorts,
  settings: Settings,
  command: 'status' | 'why',
): Promise<Reached<Status>> {
  if (!mayAsk(ports, settings, command)) return notReached;
  const asked = await ask(ports, settings.control.socket, { command });
  const isHidden = await hidden(ports, settings, asked);
  if (isHidden !== undefined) return isHidden;
  if (asked.kind === 'unreachable' && isDown(asked)) {
    const left = await ports.readFlash(settings);
    if (!left.ok) {
      const mend = 'remove it, and look who can write to storage.dir';
      ports.terminal.err(`${plain(`the daemon does not run, and ${left.reason}: ${mend}`)}\n`);
      return { ok: false, exitCode: exitCodes.failed };
    }
    if (left.value !== undefined) return { ok: true, value: left.value };
  }
  const sorted = sort(ports, settings, asked);
  if (!sorted.ok) return sorted;
  if ('status' in sorted.value) return { ok: true, value: sorted.value.status };
  return { ok: false, exitCode: odd(ports) };
}

/** The daemon that nobody can ask: what it left on flash is not the truth. */
async function hidden(
  ports: CommandPorts,
  settings: Settings,
  asked: Asked,
): Promise<typeof notReached | undefined> {
  const text = asked.kind === 'unreachable' ? await hiddenText(ports, settings, asked) : undefined;
  if (text === undefined) return undefined;
  ports.terminal.err(`${text}\n`);
  return notReached;
}

function sort(
  { terminal }: CommandPorts,
  settings: Settings,
  asked: Asked,
): Reached<Extract<ControlResponse, { ok: true }>> {
  switch (asked.kind) {
    case 'answered': {
      const { response } = asked;
      if (response.ok) return { ok: true, value: response };
      terminal.err(`${refusalText(response)}\n`);
      return { ok: false, exitCode: exitCodes.failed };
    }
    case 'unreachable':
    case 'lost':
      terminal.err(`${silenceText(asked, settings)}\n`);
      return { ok: false, exitCode: exitCodes.unreachable };
    default:
      return unreachable(asked);
  }
}

/** An answer to another question: the daemon is of another version. */
export function odd({ terminal }: CommandPorts): number {
  terminal.err('the daemon answers otherwise than this version asks: restart it\n');
  return exitCodes.failed;
}

export const refusalText = ({ code, reason }: Refusal) => plain(`${reason} (${code})`);

function isDown({ code }: Unreached): boolean {
  return code === 'ENOENT' || code === 'ECONNREFUSED';
}

export function silenceText(silence: Unreached | Lost, settings: Settings): string {
  const { socket } = settings.control;
  if (silence.kind === 'lost') return plain(`the daemon at ${socket} is gone: ${silence.reason}`);
  if (isDown(silence)) {
    const start = 'start it with "systemctl start sota-agent" or "sota-agent run"';
    return plain(`the daemon does not run (nobody listens on ${socket}): ${start}`);
  }
  if (silence.code === 'EACCES' || silence.code === 'EPERM') {
    return plain(`no right to use ${socket}: run this command as root`);
  }
  return plain(`the daemon at ${socket} cannot be reached: ${silence.reason}`);
}
