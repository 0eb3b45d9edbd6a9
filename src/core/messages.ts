// What the server sends, decoded, and what goes to it. Types only.
import type { ServerServices, PackageId, Report } from './model.ts';

export type Request =
  | {
      readonly kind: 'notify';
      readonly offers: readonly Offer[];
      /** Why entries of the same notify were left out. */
      readonly refused: readonly string[];
      readonly services: ServerServices | undefined;
      readonly hasNoInstallTimeout?: boolean;
      /** Undefined: it cannot be told yet. */
      readonly dialect: MessageDialect | undefined;
    }
  | {
      readonly kind: 'start';
      readonly id: PackageId;
      readonly checksum: string;
      readonly chunksCount: number;
    }
  | {
      readonly kind: 'chunk';
      readonly id: PackageId;
      readonly chunkIndex: number;
      readonly data: Uint8Array;
    }
  /** A start that names a package, and a transfer that can never be received. */
  | { readonly kind: 'unusable-start'; readonly id: PackageId; readonly reason: string }
  | { readonly kind: 'finish'; readonly id: PackageId; readonly signature?: string }
  | { readonly kind: 'getpackages' }
  | { readonly kind: 'abort'; readonly id: PackageId | undefined }
  | { readonly kind: 'services-available'; readonly services: readonly string[] }
  | { readonly kind: 'services-unavailable'; readonly services: readonly string[] };

/**
 * `sizeBytes` may be the sum of a package and its dependencies (protocol 2.1): for people, never
 * for checks.
 */
export type Offer = {
  readonly id: PackageId;
  readonly sizeBytes: number;
  readonly update?: Update | undefined;
};

/** What some servers tell of a package beside its bytes. */
export type Update = {
  /** As it came, from the notify or later from the finish: nothing says how to verify it. */
  readonly signature: string;
  /** For people. */
  readonly description: string;
  /** A person is to be asked, also where everything else is accepted. */
  readonly isConfirmationWanted: boolean;
};

/** How a server spells its messages. The core only remembers it; `protocol/` knows more. */
export type MessageDialect = 'P1' | 'P2' | 'P3';

/** What goes to the backend; the codec of the dialect spells it. */
export type Message =
  | { readonly kind: 'start'; readonly id: PackageId }
  | { readonly kind: 'ack'; readonly id: PackageId; readonly chunks: readonly number[] }
  | { readonly kind: 'report'; readonly report: Report }
  | { readonly kind: 'packages'; readonly packages: readonly PackageId[] };
