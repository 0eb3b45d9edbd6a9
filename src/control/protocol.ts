// The messages of the control socket: one JSON object a line, in both directions. The two ends may
// be of different versions, because an update can replace the file while the old daemon runs.
// Therefore both ends check what they read. `make docs` writes docs/reference/control-socket.md
// from this file.
import { flag, list, number, object, oneOf, optional, text } from '../schema.ts';
import type { PackageId } from '../core/model.ts';
import type { HistoryStatus, PackageStatus, ReportStatus, Status } from '../core/status.ts';
import type { ServerProfile, UpdateStatus } from '../core/status.ts';
import type { Check } from '../schema.ts';

export type Query = {
  /** Returns the status, or the inventory. */
  readonly command: 'status' | 'watch' | 'why' | 'inventory';
};
export type ConsentRequest = {
  /** Accepts or declines a package. */
  readonly command: 'accept' | 'decline';
  /** Name of the package. */
  readonly name: string;
  /** Version of the package; without it, the only version that waits. */
  readonly version: string | undefined;
};
export type RenewPathRequest = {
  /** Makes a new delivery path. */
  readonly command: 'renew-path';
};
export type ControlRequest = Query | ConsentRequest | RenewPathRequest;

/** Why a request fails, and which side detects it. */
export const refusalCodes = {
  // No package of that name waits for consent, or can be declined.
  'unknown-package': 'daemon',
  // Several versions of the package wait. Fix: Name the version.
  ambiguous: 'daemon',
  // A package manager could not list the installed packages.
  'inventory-failed': 'daemon',
  // With a ws or wss `rvi.url` the node delivers on the connection of the agent: there is no
  // delivery path.
  'no-path': 'daemon',
  // `rvi.path` is a fixed path. Fix: Change the configuration, and restart the agent.
  'fixed-path': 'daemon',
  // The new path could not be stored, or several former paths still wait for the node.
  'path-not-renewed': 'daemon',
  // The agent stops, and begins nothing new.
  stopping: 'daemon',
  // Eight connections are open. Fix: Try again.
  busy: 'daemon',
  // The line has more than 4096 bytes. The daemon closes the connection.
  'too-long': 'daemon',
  // The line is not JSON in UTF-8. The daemon closes the connection.
  'bad-json': 'daemon or command',
  // The line is not a request.
  'bad-request': 'daemon',
  // Daemon and command are of different versions. Fix: Restart the daemon.
  'other-version': 'command',
} as const;

export type RefusalCode = keyof typeof refusalCodes;
/** As received: a daemon of another version may use other codes. */
export type Refusal = { readonly ok: false; readonly code: string; readonly reason: string };
export type Rejection = Refusal & { readonly code: RefusalCode };

/** The result of `accept`, `decline` or `renew-path`; `text` is one sentence. */
export type CommandAnswer = { readonly ok: true; readonly text: string } | Rejection;

export type InventoryAnswer =
  | { readonly ok: true; readonly packages: readonly PackageId[] }
  | Rejection;

export type ControlResponse =
  | { readonly ok: true; readonly status: Status }
  | Extract<InventoryAnswer, { ok: true }>
  | CommandAnswer;
export type ReceivedResponse = Exclude<ControlResponse, Rejection> | Refusal;

export function encodeLine(value: ControlRequest | ControlResponse): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`);
}

// ---------------------------------------------------------------- shapes

const id = object<PackageId>({ name: text, version: text });

const updateStatus = object<UpdateStatus>({
  description: text,
  signature: text,
  requestConfirmation: flag,
});

const packageStatus = object<PackageStatus>({
  id,
  sizeBytes: number,
  update: optional(updateStatus),
  phase: oneOf('offered', 'accepted', 'receiving', 'installing', 'rebooting', 'reporting'),
  server: optional(text),
  chunksHeld: number,
  chunksCount: number,
  installPercent: optional(number),
  waitsFor: text,
  next: text,
  nextInMs: optional(number),
});

const reportStatus = object<ReportStatus>({
  id,
  status: flag,
  description: text,
  attempts: number,
  nextInMs: optional(number),
});

const historyStatus = object<HistoryStatus>({
  id,
  checksum: text,
  outcome: oneOf('open', 'installed', 'failed', 'aborted'),
  attempts: number,
  description: text,
});

const learned = {
  messages: optional(oneOf('P1', 'P2', 'P3')),
  keepAlive: flag,
  learned: object<ServerProfile['learned']>({
    afterStart: optional(text),
    resume: optional(text),
    ack: optional(text),
  }),
};

export const isStatus: Check<Status> = object<Status>({
  agent: object<Status['agent']>({
    version: text,
    uptimeMs: number,
    source: oneOf('daemon', 'flash'),
  }),
  vehicle: object<Status['vehicle']>({ vin: optional(text), uuid: optional(text) }),
  link: object<Status['link']>({
    kind: oneOf('up', 'registering', 'down', 'unknown'),
    detail: text,
  }),
  backend: object<Status['backend']>({
    services: object<Status['backend']['services']>({
      start: text,
      ack: text,
      report: text,
      packages: text,
    }),
    servicesFrom: oneOf('notify', 'configuration'),
    ...learned,
  }),
  previousServers: list(object<Status['previousServers'][number]>({ start: text, ...learned })),
  packages: list(packageStatus),
  reports: list(reportStatus),
  history: list(historyStatus),
  recovered: list(text),
  counters: object<Status['counters']>({
    refused: number,
    chunksWritten: number,
    chunksRepeated: number,
  }),
  storageError: optional(text),
});

const isQuery = object<Query>({ command: oneOf('status', 'watch', 'why', 'inventory') });
/** The commands of version 0.1.0 send `packages`. */
const isFormerQuery = object<{ readonly command: string }>({ command: oneOf('packages') });
const isRenewPath = object<RenewPathRequest>({ command: oneOf('renew-path') });
const isConsent = object<ConsentRequest>({
  command: oneOf('accept', 'decline'),
  name: text,
  version: optional(text),
});
const isStatusReply = object<{ readonly ok: boolean; readonly status: Status }>({
  ok: flag,
  status: isStatus,
});
const isInventoryReply = object<{ readonly ok: boolean; readonly packages: readonly PackageId[] }>({
  ok: flag,
  packages: list(id),
});
const isTextReply = object<{ readonly ok: boolean; readonly text: string }>({ ok: flag, text });
const isRefusal = object<{ readonly ok: boolean; readonly code: string; readonly reason: string }>({
  ok: flag,
  code: text,
  reason: text,
});

// ---------------------------------------------------------------- lines

export type Decoded<T> = { readonly ok: true; readonly value: T } | Rejection;

export function decodeRequest(line: Uint8Array): Decoded<ControlRequest> {
  const json = decodeJson(line);
  if (!json.ok) return json;
  const { value } = json;
  if (isQuery(value)) return { ok: true, value: { command: value.command } };
  if (isFormerQuery(value)) return { ok: true, value: { command: 'inventory' } };
  if (isRenewPath(value)) return { ok: true, value: { command: value.command } };
  if (isConsent(value)) {
    const { command, name, version } = value;
    return { ok: true, value: { command, name, version } };
  }
  const reason =
    'not a known request: send a "command" of status, watch, why, inventory or renew-path, ' +
    'or accept or decline with a "name"';
  return { ok: false, code: 'bad-request', reason };
}

export function decodeResponse(line: Uint8Array): Decoded<ReceivedResponse> {
  const json = decodeJson(line);
  if (!json.ok) return json;
  const { value } = json;
  if (isRefusal(value) && !value.ok) {
    return { ok: true, value: { ok: false, code: value.code, reason: value.reason } };
  }
  if (isStatusReply(value)) return { ok: true, value: { ok: true, status: value.status } };
  if (isInventoryReply(value)) return { ok: true, value: { ok: true, packages: value.packages } };
  if (isTextReply(value)) return { ok: true, value: { ok: true, text: value.text } };
  return { ok: false, code: 'other-version', reason: otherVersion };
}

export const otherVersion = 'daemon and command-line versions differ: restart the daemon';

function decodeJson(line: Uint8Array): Decoded<unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line));
    return { ok: true, value };
  } catch {
    return { ok: false, code: 'bad-json', reason: 'the line is not JSON in UTF-8' };
  }
}
