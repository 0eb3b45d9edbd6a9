// The messages of the control socket: one JSON object a line, both ways. Daemon and command may be
// of different versions (an update replaced the file while the old daemon runs), so both check what
// they read. `make docs` writes docs/reference/control-socket.md from this file.
import type { PackageId } from '../core/model.ts';
import type { HistoryStatus, PackageStatus, ReportStatus, Status } from '../core/status.ts';
import type { ServerProfile, UpdateStatus } from '../core/status.ts';

export type Question = {
  /** Returns the status, or the inventory. */
  readonly command: 'status' | 'watch' | 'why' | 'packages';
};
export type Wish = {
  /** Accepts or declines a package. */
  readonly command: 'accept' | 'decline';
  /** Name of the package. */
  readonly name: string;
  /** Version of the package; without it, the only version that waits. */
  readonly version: string | undefined;
};
export type Order = {
  /** Makes a new delivery path. */
  readonly command: 'renew-path';
};
export type ControlRequest = Question | Wish | Order;

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
export type Answer = { readonly ok: true; readonly text: string } | Rejection;

export type PackagesAnswer =
  | { readonly ok: true; readonly packages: readonly PackageId[] }
  | Rejection;

export type ControlResponse =
  | { readonly ok: true; readonly status: Status }
  | Extract<PackagesAnswer, { ok: true }>
  | Answer;
export type ReceivedResponse = Exclude<ControlResponse, Rejection> | Refusal;

export function encodeLine(value: ControlRequest | ControlResponse): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`);
}

// ---------------------------------------------------------------- shapes

type Check<T> = (value: unknown) => value is T;

const text: Check<string> = (value) => typeof value === 'string';
const number: Check<number> = (value) => typeof value === 'number';
const flag: Check<boolean> = (value) => typeof value === 'boolean';

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A member that is missing from the JSON reads as undefined, which is what it was. */
function maybe<T>(check: Check<T>): Check<T | undefined> {
  return (value): value is T | undefined => value === undefined || check(value);
}

function list<T>(check: Check<T>): Check<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(check);
}

function oneOf<const T extends string>(...allowed: readonly T[]): Check<T> {
  return (value): value is T => allowed.some((one) => one === value);
}

/** A field without a check does not compile; members that nobody checks are ignored. */
function record<T extends object>(checks: { readonly [K in keyof T]-?: Check<T[K]> }): Check<T> {
  const pairs = Object.entries<Check<unknown>>(checks);
  return (value): value is T => {
    return isObject(value) && pairs.every(([name, check]) => check(value[name]));
  };
}

const id = record<PackageId>({ name: text, version: text });

const updateStatus = record<UpdateStatus>({
  description: text,
  signature: text,
  requestConfirmation: flag,
});

const packageStatus = record<PackageStatus>({
  id,
  sizeBytes: number,
  update: maybe(updateStatus),
  phase: oneOf('offered', 'accepted', 'receiving', 'installing', 'rebooting', 'reporting'),
  server: maybe(text),
  chunksHeld: number,
  chunksCount: number,
  installPercent: maybe(number),
  waitsFor: text,
  next: text,
  nextInMs: maybe(number),
});

const reportStatus = record<ReportStatus>({
  id,
  status: flag,
  description: text,
  attempts: number,
  nextInMs: maybe(number),
});

const historyStatus = record<HistoryStatus>({
  id,
  checksum: text,
  outcome: oneOf('open', 'installed', 'failed', 'aborted'),
  attempts: number,
  description: text,
});

const learned = {
  messages: maybe(oneOf('P1', 'P2', 'P3')),
  keepAlive: flag,
  learned: record<ServerProfile['learned']>({ afterStart: maybe(text), resume: maybe(text) }),
};

export const isStatus: Check<Status> = record<Status>({
  agent: record<Status['agent']>({
    version: text,
    uptimeMs: number,
    source: oneOf('daemon', 'flash'),
  }),
  vehicle: record<Status['vehicle']>({ vin: maybe(text), uuid: maybe(text) }),
  link: record<Status['link']>({
    kind: oneOf('up', 'registering', 'down', 'unknown'),
    detail: text,
  }),
  backend: record<Status['backend']>({
    services: record<Status['backend']['services']>({
      start: text,
      ack: text,
      report: text,
      packages: text,
    }),
    servicesFrom: oneOf('notify', 'configuration'),
    ...learned,
  }),
  previousServers: list(record<Status['previousServers'][number]>({ start: text, ...learned })),
  packages: list(packageStatus),
  reports: list(reportStatus),
  history: list(historyStatus),
  recovered: list(text),
  counters: record<Status['counters']>({
    refused: number,
    chunksWritten: number,
    chunksRepeated: number,
  }),
  storageError: maybe(text),
});

const isQuestion = record<Question>({ command: oneOf('status', 'watch', 'why', 'packages') });
const isOrder = record<Order>({ command: oneOf('renew-path') });
const isWish = record<Wish>({
  command: oneOf('accept', 'decline'),
  name: text,
  version: maybe(text),
});
const isStatusReply = record<{ readonly ok: boolean; readonly status: Status }>({
  ok: flag,
  status: isStatus,
});
const isPackagesReply = record<{ readonly ok: boolean; readonly packages: readonly PackageId[] }>({
  ok: flag,
  packages: list(id),
});
const isTextReply = record<{ readonly ok: boolean; readonly text: string }>({ ok: flag, text });
const isRefusal = record<{ readonly ok: boolean; readonly code: string; readonly reason: string }>({
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
  if (isQuestion(value)) return { ok: true, value: { command: value.command } };
  if (isOrder(value)) return { ok: true, value: { command: value.command } };
  if (isWish(value)) {
    const { command, name, version } = value;
    return { ok: true, value: { command, name, version } };
  }
  const wanted =
    'wanted: command (status, watch, why, packages, renew-path), or accept, decline with a name';
  return { ok: false, code: 'bad-request', reason: wanted };
}

export function decodeResponse(line: Uint8Array): Decoded<ReceivedResponse> {
  const json = decodeJson(line);
  if (!json.ok) return json;
  const { value } = json;
  if (isRefusal(value) && !value.ok) {
    return { ok: true, value: { ok: false, code: value.code, reason: value.reason } };
  }
  if (isStatusReply(value)) return { ok: true, value: { ok: true, status: value.status } };
  if (isPackagesReply(value)) return { ok: true, value: { ok: true, packages: value.packages } };
  if (isTextReply(value)) return { ok: true, value: { ok: true, text: value.text } };
  const reason = 'the daemon is of another version: restart it';
  return { ok: false, code: 'other-version', reason };
}

function decodeJson(line: Uint8Array): Decoded<unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line));
    return { ok: true, value };
  } catch {
    return { ok: false, code: 'bad-json', reason: 'this line is not JSON in UTF-8' };
  }
}
