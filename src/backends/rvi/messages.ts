// The decoded messages from the node, and the messages to the server. Types only.
import type { Offer, PackageId, Report } from '../../core/model.ts';

/** The four services of a server, fully qualified, as a notify names them. */
export type ServerServices = {
  readonly start: string;
  readonly ack: string;
  readonly report: string;
  readonly packages: string;
};

/** The agent's own services, fully qualified, from the register replies. */
export type ServiceNames = {
  readonly notify: string;
  readonly start: string;
  readonly chunk: string;
  readonly finish: string;
  readonly getpackages: string;
  readonly abort: string;
};

export type Request =
  | {
      readonly kind: 'notify';
      readonly offers: readonly Offer[];
      /** Why other entries of the same notify were rejected. */
      readonly refused: readonly string[];
      readonly services: ServerServices | undefined;
      readonly hasNoInstallTimeout?: boolean;
      /** Undefined: the notify does not show it. */
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
  /** A start of a transfer that is too large to receive. */
  | { readonly kind: 'unusable-start'; readonly id: PackageId; readonly reason: string }
  | { readonly kind: 'finish'; readonly id: PackageId; readonly signature?: string }
  | { readonly kind: 'getpackages' }
  | { readonly kind: 'abort'; readonly id: PackageId | undefined }
  | { readonly kind: 'services-available'; readonly services: readonly string[] }
  | { readonly kind: 'services-unavailable'; readonly services: readonly string[] };

/** How a server encodes its messages; `codec/` has a codec for each. */
export type MessageDialect = 'P1' | 'P2' | 'P3';

/** A message to the server; the codec of the dialect encodes it. */
export type Message =
  | { readonly kind: 'start'; readonly id: PackageId }
  | { readonly kind: 'ack'; readonly id: PackageId; readonly chunks: readonly number[] }
  | { readonly kind: 'report'; readonly report: Report }
  | { readonly kind: 'packages'; readonly packages: readonly PackageId[] };
