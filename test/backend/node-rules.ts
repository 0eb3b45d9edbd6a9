// The differences between the releases of the node at their service edge, as a table (protocol 1).

export type NodeKind = '0.3' | '0.4' | '0.5.1';

export type NodeRules = {
  /** Content types other than three crash the handler: closed without a reply (protocol 1.1). */
  readonly isContentTypeExact: boolean;
  /** Text that is no JSON: 501 `Internal Error`, or a normal error (protocol 1.1). */
  readonly isParserFragile: boolean;
  /**
   * What crashes 0.4: a bare object, a `timeout` of a wrong type or range, a surrogate escape. A
   * list of bytes arrives as a string (protocol 1.6, 1.7).
   */
  readonly isErlangFragile: boolean;
  /** The result of `message` has a number (protocol 1.6). */
  readonly hasTransactions: boolean;
  /** A result repeats the method (protocol 1.2). */
  readonly isMethodNamed: boolean;
};

const early: NodeRules = {
  isContentTypeExact: false,
  isParserFragile: true,
  // Verified on 0.4.0 only; older releases have the same parser and scheduler.
  isErlangFragile: true,
  hasTransactions: true,
  isMethodNamed: false,
};

export const nodeRules: { readonly [kind in NodeKind]: NodeRules } = {
  '0.3': { ...early, hasTransactions: false },
  '0.4': early,
  '0.5.1': {
    isContentTypeExact: true,
    isParserFragile: false,
    isErlangFragile: false,
    hasTransactions: true,
    isMethodNamed: true,
  },
};
