// The SOTA server of protocol 2.4 without any I/O: the caller passes messages and time. The
// simulator and the tests over real sockets use the same server.
import { blockedBy } from './blocked.ts';
import { readAck } from './read-ack.ts';
import { dialects } from './dialects.ts';
import { shortened } from './seen.ts';
import { messageTtlMs, sendsMax, serverRules } from './server-rules.ts';
import { uploadsOf } from './uploads.ts';
import type { Ack, Body, Campaign, Grammar, Key, Report } from './dialect.ts';
import type { DialectName } from './dialects.ts';
import type { PackageId, ServerPackage } from './package.ts';
import type { SeenMessage } from './seen.ts';
import type { ServerKind } from './server-rules.ts';
import type { Upload } from './uploads.ts';

export type ServerOptions = {
  readonly kind: ServerKind;
  readonly dialect?: DialectName;
  /** The prefix of the backend's services: `genivi.org/backend`. */
  readonly prefix: string;
  /** Replaces parts of the release's grammar, as an operator may configure. */
  readonly grammar?: Partial<Grammar>;
  /** `parameters` of abort and getpackages: documented `[]`, really `[null]` (protocol 2.1). */
  readonly nothing?: readonly unknown[];
};

export type ServerPorts = {
  readonly now: () => number;
  /** Calls `act` after `delayMs` of the server's time; the returned function cancels it. */
  readonly after: (delayMs: number, act: () => void) => () => void;
  /** Sends one message to the vehicle: `/sota/...`, and its parameters as a list. */
  readonly send: (service: string, parameters: readonly unknown[], ttlMs: number) => void;
  readonly onSeen?: (message: SeenMessage) => void;
};

export type Outcome = { readonly id: PackageId; readonly status: boolean; readonly text: string };

/** `waiting`: for the first ack; without that ack an upload never proceeds, in any release. */
export type UploadPhase = 'queued' | 'waiting' | 'sending' | 'finished';

export type Server = {
  /**
   * Starts a campaign: offers the packages once, and serves them to each vehicle that starts them.
   * Before the report of a package, another call only replaces its contents.
   */
  notify(packages: readonly ServerPackage[], isConfirmationWanted?: boolean): void;
  abort(): void;
  askForPackages(): void;
  /** Takes a message of the vehicle, `/sota/...`. Ignores what it cannot decode (protocol 2). */
  receive(service: string, parameters: unknown): void;
  /** Drops the active session, but keeps the campaigns. */
  restart(): void;
  readonly log: readonly SeenMessage[];
  /** The recorded reports. */
  readonly outcomes: readonly Outcome[];
  readonly lists: readonly (readonly PackageId[])[];
  /** How often each chunk was sent, by `name version index`. */
  readonly sent: ReadonlyMap<string, number>;
  /** How many of them the ack timeout caused. */
  readonly resends: () => number;
  readonly aborts: () => number;
  /** If true, the server ignores another start. */
  readonly isBusy: () => boolean;
  /** What the server waits for without a time limit. */
  readonly blockedBy: () => string | undefined;
  readonly uploads: () => readonly { readonly id: PackageId; readonly phase: UploadPhase }[];
};

type Spec = { readonly key: Key; one: ServerPackage; isReported: boolean };

type Session = {
  readonly uploads: readonly Upload[];
  /** The packages of the session; only the early releases remove some before the end. */
  specs: readonly Spec[];
  readonly reported: Set<Spec>;
  cancelInstall: () => void;
};

/** The effect of a message, or the reason why it has none. */
type Reaction = (() => void) | string;

const none = () => undefined;
const undecodable = 'not to be decoded';

const phasesOf = ({ uploads }: Session) => uploads.map(({ phase }) => phase);

export function createServer(options: ServerOptions, ports: ServerPorts): Server {
  const rules = serverRules[options.kind];
  const dialect = dialects[options.dialect ?? 'P1']({ ...rules.grammar, ...options.grammar });
  const nothing = options.nothing ?? [null];
  const campaigns: Spec[] = [];
  const log: SeenMessage[] = [];
  const outcomes: Outcome[] = [];
  const lists: (readonly PackageId[])[] = [];
  const sent = new Map<string, number>();
  let session: Session | undefined;
  let aborts = 0;
  let resends = 0;

  function record(message: SeenMessage): void {
    log.push(message);
    ports.onSeen?.(message);
  }

  function send(service: string, parameters: readonly unknown[]): void {
    const shown = shortened(parameters);
    record({ atMs: ports.now(), direction: 'out', service, parameters: shown });
    ports.send(service, parameters, messageTtlMs);
  }

  function notify(packages: readonly ServerPackage[], isConfirmationWanted = false): void {
    const offered: Campaign[] = [];
    for (const one of packages) {
      const same = campaigns.filter((spec) => isSameId(spec.one.id, one.id));
      const open = same.find((spec) => !spec.isReported);
      const key = open?.key ?? dialect.keyOf(one.id, same.length);
      if (open === undefined) campaigns.push({ key, one, isReported: false });
      else open.one = one;
      offered.push({ key, one, isConfirmationWanted });
    }
    const names = rules.offered.map((name) => [name, `${options.prefix}/sota/${name}`]);
    const services: Body = Object.fromEntries(names);
    for (const body of dialect.notify(offered, services)) send('/sota/notify', [body]);
  }

  function receive(service: string, parameters: unknown): void {
    const reaction = react(service, parameters);
    const message = { atMs: ports.now(), parameters: shortened(parameters), service };
    const ignored = typeof reaction === 'string' ? { ignored: reaction } : {};
    record({ ...message, direction: 'in', ...ignored });
    if (typeof reaction !== 'string') reaction();
  }

  function react(service: string, parameters: unknown): Reaction {
    switch (service) {
      case '/sota/start':
        return onStart(dialect.decodeStart(parameters));
      case '/sota/ack':
        return onAck(dialect.decodeAck(parameters));
      case '/sota/report':
        return onReport(dialect.decodeReport(parameters));
      case '/sota/packages': {
        const list = dialect.decodePackages(parameters);
        return list === undefined ? undecodable : () => lists.push(list);
      }
      default:
        return 'no such service';
    }
  }

  /** While a session is active, another start is only logged by the server (protocol 2.4). */
  function onStart(keys: readonly Key[] | undefined): Reaction {
    if (keys === undefined) return undecodable;
    if (session !== undefined) return 'another start is active';
    return () => {
      // The server ignores earlier outcomes: it sends a package with two campaigns twice, and an
      // aborted or reported package again in full (protocol 2.4).
      const specs = campaigns.filter(({ key }) => keys.includes(key));
      const uploads = uploadsOf(dialect, specs);
      session = { uploads, specs, reported: new Set(), cancelInstall: none };
      for (const upload of uploads.slice(0, rules.parallelMax)) announce(upload);
    };
  }

  function announce(upload: Upload): void {
    upload.cancel();
    upload.phase = 'waiting';
    send('/sota/start', [dialect.start(upload.key, upload.one)]);
  }

  function onAck(ack: Ack | undefined): Reaction {
    if (ack === undefined) return undecodable;
    touch();
    const uploads = (session?.uploads ?? []).filter(({ key }) => key === ack.key);
    // If several share an id, the one being sent counts: an ack has only the id (protocol 2.4).
    const isOpen = ({ phase }: Upload) => phase === 'waiting' || phase === 'sending';
    const upload = uploads.find(isOpen) ?? uploads[0];
    if (upload === undefined) return 'nothing is sent of it';
    if (upload.phase === 'finished') return 'it is finished';
    if (upload.phase === 'queued') return 'it has not begun';
    const next = readAck(rules, ack.chunks, upload.phase === 'waiting');
    if (next === 'ignored') return 'the first ack must be []';
    // The actor throws and restarts from its beginning.
    return () => (next === 'throws' ? announce(upload) : proceed(upload, next));
  }

  function proceed(upload: Upload, index: number): void {
    upload.cancel();
    // An empty file has one chunk, too: `[]` requests it, `[1]` ends it.
    if (index > Math.max(1, upload.one.chunksCount)) return finish(upload);
    Object.assign(upload, { phase: 'sending', lastIndex: index, sends: 0 });
    sendChunk(upload);
  }

  function sendChunk(upload: Upload): void {
    const { one, lastIndex } = upload;
    const name = `${one.id.name} ${one.id.version} ${lastIndex}`;
    sent.set(name, (sent.get(name) ?? 0) + 1);
    if (upload.sends > 0) resends += 1;
    upload.sends += 1;
    // Started before the chunk is sent: the ack may arrive during the send.
    if (rules.ackTimeoutMs !== undefined) {
      upload.cancel = ports.after(rules.ackTimeoutMs, () =>
        upload.sends < sendsMax ? sendChunk(upload) : abort(),
      );
    }
    send('/sota/chunk', [dialect.chunk(upload.key, one, lastIndex)]);
  }

  function finish(upload: Upload): void {
    upload.phase = 'finished';
    send('/sota/finish', [dialect.finish(upload.key, upload.one)]);
    if (session === undefined) return;
    const isLast = session.uploads.every(({ phase }) => phase === 'finished');
    if (!isLast && rules.isForgetful) {
      session.specs = session.specs.filter(({ key }) => key !== upload.key);
    }
    const next = session.uploads.find(({ phase }) => phase === 'queued');
    if (next !== undefined) announce(next);
    touch();
  }

  /** After all uploads, any message of the vehicle restarts the install timer. */
  function touch(): void {
    const { installTimeoutMs } = rules;
    if (session === undefined || installTimeoutMs === undefined) return;
    session.cancelInstall();
    // Without an upload the session does not end: such a vehicle stays blocked (protocol 2.4).
    const isUploaded = session.uploads.every(({ phase }) => phase === 'finished');
    if (!isUploaded || session.uploads.length === 0) return;
    session.cancelInstall = ports.after(installTimeoutMs, abort);
  }

  function onReport(report: Report | undefined): Reaction {
    if (report === undefined) return undecodable;
    const active = session;
    if (active === undefined) return 'nothing is active';
    touch();
    // Always the first match, so that a second campaign of the package never gets a result.
    const spec = active.specs.find(({ key }) => key === report.key);
    if (spec === undefined) return 'nothing waits for it';
    if (active.reported.has(spec) && !rules.staysAfterReport) return 'it was reported before';
    return () => {
      const { status, text } = report;
      outcomes.push({ id: spec.one.id, status, text });
      spec.isReported = true;
      active.reported.add(spec);
      if (active.specs.some((one) => !active.reported.has(one)) && !rules.staysAfterReport) return;
      if (!rules.staysAfterReport) endSession();
      send('/sota/getpackages', nothing);
    };
  }

  function abort(): void {
    aborts += 1;
    endSession();
    send('/sota/abort', nothing);
  }

  function endSession(): void {
    session?.cancelInstall();
    for (const { cancel } of session?.uploads ?? []) cancel();
    session = undefined;
  }

  return {
    notify,
    abort,
    askForPackages: () => send('/sota/getpackages', nothing),
    receive,
    restart: endSession,
    log,
    outcomes,
    lists,
    sent,
    resends: () => resends,
    aborts: () => aborts,
    isBusy: () => session !== undefined,
    blockedBy: () => session && blockedBy(rules, phasesOf(session)),
    uploads: () => (session?.uploads ?? []).map(({ one, phase }) => ({ id: one.id, phase })),
  };
}

const isSameId = (a: PackageId, b: PackageId) => a.name === b.name && a.version === b.version;
