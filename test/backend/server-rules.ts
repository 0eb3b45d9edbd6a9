// How the releases of the server differ, as a table (protocol 2.4).
import type { Grammar } from './dialect.ts';

/** S-A: October 2015; S-B: the ack timeout; S-C: the install timeout; S-M: 2017. */
export type ServerKind = 'S-A' | 'S-B' | 'S-C' | 'S-M';

export type ServerRules = {
  /** Only `[]` starts the chunks; any other first ack is ignored for ever. */
  readonly isFirstAckEmpty: boolean;
  /** A later `[]` throws in the server: the actor starts anew. Otherwise: chunk 1 again. */
  readonly isLaterEmptyFatal: boolean;
  /** A single index but 1 throws, too. Otherwise what is below counts as received. */
  readonly isLoneIndexFatal: boolean;
  /** The last chunk again after so long without an ack; after five times, abort. */
  readonly ackTimeoutMs: number | undefined;
  /** So long without any message after the last finish: abort. */
  readonly installTimeoutMs: number | undefined;
  readonly parallelMax: number;
  /** Reports of packages that finish while others are under way are not recorded. */
  readonly isForgetful: boolean;
  /** The actor goes on after the last report, and aborts even so. */
  readonly staysAfterReport: boolean;
  /** Services of the backend that a notify names. */
  readonly offered: readonly string[];
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

/** Sends of one chunk before the upload is given up. */
export const sendsMax = 5;
/** What the server gives its node to deliver a message. */
export const messageTtlMs = 300_000;
