// The state of the RVI backend: servers, node, and the exchange about each package. Types only.
import type { AgentState, BackendDecision } from '../backend.ts';
import type { Deadline } from '../../core/events.ts';
import type { PackageId, Report } from '../../core/model.ts';
import type { Act } from '../backend.ts';
import type { FailedCall, Link, Outage, ServerAvailability } from './link-state.ts';
import type { Message, MessageDialect, Request, ServerServices, ServiceNames } from './messages.ts';

/**
 * How to make a silent server continue: an ack with the stored chunks, `[]`, or a start (protocol
 * 2.4).
 */
export type ResumeMethod = 'full' | 'empty' | 'start';
/** `/sota/start` has just arrived, or a transfer is stalled. */
export type ResumeContext = 'after-start' | 'resume';

/** All stored chunks, the last two of the run 1..n, or only n. */
export type LearnedList = 'full' | 'tail' | 'single';

export type KnownServer = {
  /** Undefined until a notify names them. */
  readonly services: ServerServices | undefined;
  readonly dialect: MessageDialect | undefined;
  /** It waits for a report without a limit; others give up after a minute (protocol 2.4). */
  readonly hasNoInstallTimeout: boolean;
  readonly learned: {
    readonly 'after-start': ResumeMethod | undefined;
    readonly resume: ResumeMethod | undefined;
    /** What its acks must list, or may list (protocol 2.4). */
    readonly ack: LearnedList | undefined;
  };
};

/** Which server offered a package; undefined: no notify named any. */
export type Origin = {
  readonly services: ServerServices | undefined;
  /** The server that offered it again, while the report of the last outcome is due. */
  readonly offeredBy: ServerServices | undefined;
};

// ---------------------------------------------------------------- exchanges, lost at a restart

/** What the agent and the server exchange about a package in its phase. */
export type Exchange = Deferred | Starting | Receiving | Reporting;

/** Offered; the server started it before consent. */
export type Deferred = {
  readonly phase: 'offered';
  /** `[]` was sent, so that the server does not wait for the first ack. */
  readonly isReleased: boolean;
};

type Attempts = {
  /** Requests in a row without an answer of the server. */
  readonly attempts: number;
  /** When to send the next request; undefined: no request is due. */
  readonly deadlineMs: number | undefined;
  /** Why the last message could not be encoded. */
  readonly blockedReason: string | undefined;
};

/** Accepted; `start` is requested. */
export type Starting = Attempts & {
  readonly phase: 'accepted';
  readonly method: ResumeMethod | undefined;
  /** Chunks without a transfer, since the last request to the server. */
  readonly unexpectedChunks: number;
};

export type Receiving = Attempts & {
  readonly phase: 'receiving';
  /** The method whose answer is awaited. */
  readonly method: ResumeMethod | undefined;
  readonly context: ResumeContext;
  /** New chunks since the agent last made the server continue. */
  readonly newChunks: number;
  /** How often the server answered a list of several chunks by `/sota/start`, since a new chunk. */
  readonly listRejections: number;
  readonly finishDeadlineMs: number | undefined;
};

export type Reporting = Attempts & {
  readonly phase: 'reporting';
  /** The report was sent to the node, which has not answered yet. */
  readonly isReportInFlight: boolean;
  readonly sentAtMs: number | undefined;
};

// ---------------------------------------------------------------- the state

export type InventoryRequest = {
  readonly attempts: number;
  readonly dueMs: number;
  /** The server that gets the inventory; undefined: the current one. */
  readonly services: ServerServices | undefined;
};

export type RviState = {
  // From the journal.
  readonly server: KnownServer;
  /** Earlier servers, the latest at the end: a vehicle may return to them. */
  readonly previousServers: readonly KnownServer[];
  readonly origins: ReadonlyMap<string, Origin>;
  /** The server requested the installed packages and has no answer yet. */
  readonly inventoryRequest: InventoryRequest | undefined;
  // Since the start of the agent.
  readonly link: Link;
  readonly ownServices: ServiceNames | undefined;
  readonly vin: string | undefined;
  /** The server's services as the node lists them, until a notify names them. */
  readonly discoveredServices: ServerServices | undefined;
  /** Undefined: no logged failure of the link is pending. */
  readonly outage: Outage | undefined;
  readonly serverAvailability: ServerAvailability;
  readonly exchanges: ReadonlyMap<string, Exchange>;
  /** When the next progress ack is due; undefined: none is due. */
  readonly progressAckMs: number | undefined;
};

export type RviAgentState = AgentState<RviState>;

// ---------------------------------------------------------------- events, facts, effects

export type RviEvent =
  | { readonly kind: 'request'; readonly request: Request }
  | { readonly kind: 'transport-up' }
  | { readonly kind: 'transport-down'; readonly reason: string }
  /** The address of the agent has changed. */
  | { readonly kind: 'register-again' }
  | {
      readonly kind: 'registered';
      readonly names: ServiceNames;
      readonly vin: string | undefined;
      readonly found: ServerServices | undefined;
      /** The node lists the server's services; undefined: the agent did not request the list. */
      readonly isServerListed?: boolean | undefined;
    }
  /** A call to the node failed: registering, or a message. */
  | ({ readonly kind: 'call-failed' } & FailedCall)
  /** The node accepted a message; submitted only while the state remembers a failure. */
  | { readonly kind: 'message-accepted' }
  /** The wall clock was set while a retry waits because of a wrong clock. */
  | { readonly kind: 'clock-stepped' }
  /** A message cannot be encoded, because its VIN or UUID is missing. The link works. */
  | {
      readonly kind: 'message-blocked';
      readonly id: PackageId | undefined;
      readonly reason: string;
    }
  /** The request that confirms a report may overtake the node's answer (protocol 1.6). */
  | { readonly kind: 'report-in-flight'; readonly id: PackageId; readonly leaving: boolean }
  /** The node accepted a message; whether it arrives is unknown (protocol 1.6). */
  | { readonly kind: 'sent'; readonly message: Message['kind']; readonly id: PackageId | undefined }
  /** A message used this dialect, which the notify did not show. */
  | { readonly kind: 'dialect-used'; readonly dialect: MessageDialect };

export type RviFact =
  | { readonly kind: 'server-named'; readonly services: ServerServices }
  /** Without services: the server that was named last. */
  | {
      readonly kind: 'resume-method-learned';
      readonly context: ResumeContext;
      readonly method: ResumeMethod;
      readonly services?: ServerServices;
    }
  /** How the server reads acks; `unknown`: it does not read them as before. */
  | {
      readonly kind: 'ack-list-learned';
      readonly list: LearnedList | 'unknown';
      readonly services?: ServerServices;
    }
  | {
      readonly kind: 'dialect-learned';
      readonly dialect: MessageDialect;
      readonly hasNoInstallTimeout?: boolean;
    }
  /** The server requested the inventory, which it does once; then: the agent sent it. */
  | { readonly kind: 'inventory-requested'; readonly services?: ServerServices | undefined }
  | { readonly kind: 'inventory-sent' }
  /** Only in a compacted journal: which server offered a package. */
  | {
      readonly kind: 'package-origin';
      readonly id: PackageId;
      readonly services?: ServerServices | undefined;
      readonly offeredBy?: ServerServices | undefined;
    };

export type RviNote =
  | { readonly kind: 'link'; readonly link: Link }
  | {
      readonly kind: 'identified';
      readonly names: ServiceNames;
      readonly vin: string | undefined;
      readonly found: ServerServices | undefined;
    }
  | { readonly kind: 'exchange'; readonly id: PackageId; readonly exchange: Exchange }
  | { readonly kind: 'away'; readonly away: ServerAvailability }
  | { readonly kind: 'outage'; readonly outage: Outage | undefined }
  | { readonly kind: 'progress-ack'; readonly dueMs: number }
  | { readonly kind: 'listing'; readonly listing: InventoryRequest | undefined };

export type RviEffect =
  | { readonly kind: 'register' }
  | { readonly kind: 'request-start'; readonly id: PackageId }
  /** The list is built from the committed state when the ack is sent. */
  | { readonly kind: 'ack'; readonly id: PackageId; readonly empty: boolean }
  /** Repeats the last ack after the finish: it only shows that the agent works. */
  | { readonly kind: 'progress-ack'; readonly id: PackageId }
  /** An invalid ack: one server release throws, and restarts the transfer (protocol 2.4). */
  | { readonly kind: 'restart-ack'; readonly id: PackageId }
  | { readonly kind: 'report'; readonly report: Report }
  | { readonly kind: 'send-inventory'; readonly packages: readonly PackageId[] };

export type RviKinds = {
  readonly fact: RviFact;
  readonly note: RviNote;
  readonly event: RviEvent;
  readonly effect: RviEffect;
};

export type Decision = BackendDecision<RviKinds>;
export type RviDeadline = Deadline<Act<RviState, RviKinds>>;
