// The differences between the releases of the server, as a table (protocol 2.4).
import type { Grammar } from './dialect.ts';

/**
 * S-A: October 2015; S-B: with the ack timeout; S-C: with the install timeout; S-M: 2017. `single`:
 * two revisions of 2016; `literal`: by the published description, no released server.
 */
export const serverKinds = ['S-A', 'S-B', 'S-C', 'S-M', 'single', 'literal'] as const;
export type ServerKind = (typeof serverKinds)[number];

/** Each rule has its section of docs/internals/protocol.md. */
export type ServerRules = {
  /** Ignores every first ack but `[]` (protocol 2.4, row 2). */
  readonly isFirstAckEmpty: boolean;
  /**
   * A later `[]` throws, and the server sends `/sota/start` again (protocol 2.4, row 3). Otherwise
   * it sends chunk 1.
   */
  readonly isLaterEmptyFatal: boolean;
  /** A single index other than 1 throws, too (protocol 2.4, row 5). */
  readonly isLoneIndexFatal: boolean;
  /** A list of several indexes without a gap throws (protocol 2.4, revisions of 2016). */
  readonly isListFatal: boolean;
  /** Every index that the list lacks is missing (protocol 2.4, "Literal server"). */
  readonly isListLiteral: boolean;
  /**
   * After it the last chunk is sent again, `sendsMax` times in all (protocol 2.4, "Ack timeout").
   */
  readonly ackTimeoutMs: number | undefined;
  /**
   * Time without a message after the last finish, until abort (protocol 2.4, "Install timeout").
   */
  readonly installTimeoutMs: number | undefined;
  /** The maximum of concurrent transfers (protocol 2.4, "Window"). */
  readonly parallelMax: number;
  /** Drops reports of packages that are complete before the others (protocol 2.4). */
  readonly isForgetful: boolean;
  /** Stays active after the last report, and aborts (protocol 2.4, "Report, from 6c6d31c6"). */
  readonly staysAfterReport: boolean;
  /** Services of the server that a notify names (protocol 2.1). */
  readonly offered: readonly string[];
  /** What is valid (protocol 2.1, "Validation by the server"), and the services of a start. */
  readonly grammar: Grammar;
};

const version = /^\d+\.\d+\.\d+$/;
const services = ['start', 'chunk', 'finish', 'getpackages', 'abort'];
const grammar: Grammar = { name: /^[A-Za-z0-9+._-]{1,100}$/, version, services };

const early: ServerRules = {
  isFirstAckEmpty: true,
  isLaterEmptyFatal: true,
  isLoneIndexFatal: true,
  isListFatal: false,
  isListLiteral: false,
  ackTimeoutMs: 30_000,
  installTimeoutMs: undefined,
  parallelMax: 3,
  isForgetful: true,
  staysAfterReport: false,
  offered: ['start', 'ack', 'report', 'packages'],
  grammar,
};

const late: ServerRules = {
  ...early,
  isLoneIndexFatal: false,
  installTimeoutMs: 60_000,
  parallelMax: 1,
  isForgetful: false,
  staysAfterReport: true,
};

export const serverRules: { readonly [kind in ServerKind]: ServerRules } = {
  'S-A': {
    ...early,
    isFirstAckEmpty: false,
    isLaterEmptyFatal: false,
    ackTimeoutMs: undefined,
    // `cancel` is announced and never handled; `abort` is not required yet (protocol 2, 2.1).
    offered: ['start', 'cancel', 'ack', 'report', 'packages'],
    grammar: {
      name: /^[A-Za-z0-9]{1,100}$/,
      version,
      services: ['start', 'chunk', 'finish', 'getpackages'],
    },
  },
  'S-B': early,
  'S-C': { ...early, installTimeoutMs: 60_000 },
  'S-M': late,
  single: { ...late, isListFatal: true },
  literal: {
    ...early,
    isFirstAckEmpty: false,
    isLaterEmptyFatal: false,
    isLoneIndexFatal: false,
    installTimeoutMs: 60_000,
    isListLiteral: true,
  },
};

/** Sends of one chunk before the abort (protocol 2.4, "Ack timeout"). */
export const sendsMax = 5;
/** The time to live of a message of the server (protocol 2, "Times"). */
export const messageTtlMs = 300_000;
