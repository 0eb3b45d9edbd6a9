// How the releases of the server differ, as a table (protocol 2.4).
import type { Grammar } from './dialect.ts';

/** S-A: October 2015; S-B: the ack timeout; S-C: the install timeout; S-M: 2017. */
export type ServerKind = 'S-A' | 'S-B' | 'S-C' | 'S-M';

/** Each with the place in protocol 2.4, or 2.1, that says it. */
export type ServerRules = {
  /** 2.4, table of acks, rows 1 and 2: any other first ack than `[]` is ignored for ever. */
  readonly isFirstAckEmpty: boolean;
  /** Row 3: a later `[]` throws, the actor starts anew with `/sota/start`. Else: chunk 1 again. */
  readonly isLaterEmptyFatal: boolean;
  /** Row 5: a single index but 1 throws, too. Otherwise what is below counts as received. */
  readonly isLoneIndexFatal: boolean;
  /** 2.4, "Ack timeout": the last chunk again after so long; after five sends `UploadAborted`. */
  readonly ackTimeoutMs: number | undefined;
  /** 2.4, "installTimeout": so long without any message after the last finish, then abort. */
  readonly installTimeoutMs: number | undefined;
  /** 2.4, "Window": packages side by side, each with one chunk in flight. */
  readonly parallelMax: number;
  /** 2.4, "Report (P1)": one that finished while others are under way is not recorded. */
  readonly isForgetful: boolean;
  /** 2.4, "Report (6c6d31c6 .. S-M)": the actor goes on after the last report, and aborts. */
  readonly staysAfterReport: boolean;
  /** 2.1 and 2: services of the backend that a notify names. */
  readonly offered: readonly string[];
  /** 2.1, "Server-side validation", and the services that a start must name. */
  readonly grammar: Grammar;
};

const version = /^\d+\.\d+\.\d+$/;
const services = ['start', 'chunk', 'finish', 'getpackages', 'abort'];
const grammar: Grammar = { name: /^[A-Za-z0-9+._-]{1,100}$/, version, services };

const early: ServerRules = {
  isFirstAckEmpty: true,
  isLaterEmptyFatal: true,
  isLoneIndexFatal: true,
  ackTimeoutMs: 30_000,
  installTimeoutMs: undefined,
  parallelMax: 3,
  isForgetful: true,
  staysAfterReport: false,
  offered: ['start', 'ack', 'report', 'packages'],
  grammar,
};

export const serverRules: { readonly [kind in ServerKind]: ServerRules } = {
  'S-A': {
    ...early,
    isFirstAckEmpty: false,
    isLaterEmptyFatal: false,
    ackTimeoutMs: undefined,
    // `cancel` is announced and never handled; `abort` is not asked for yet (protocol 2, 2.1).
    offered: ['start', 'cancel', 'ack', 'report', 'packages'],
    grammar: {
      name: /^[A-Za-z0-9]{1,100}$/,
      version,
      services: ['start', 'chunk', 'finish', 'getpackages'],
    },
  },
  'S-B': early,
  'S-C': { ...early, installTimeoutMs: 60_000 },
  'S-M': {
    ...early,
    isLoneIndexFatal: false,
    installTimeoutMs: 60_000,
    parallelMax: 1,
    isForgetful: false,
    staysAfterReport: true,
  },
};

/** Sends of one chunk before the upload is given up (2.4, "Ack timeout"). */
export const sendsMax = 5;
/** What the server gives its node to deliver a message (2.4: "TTL now+5 min"). */
export const messageTtlMs = 300_000;
