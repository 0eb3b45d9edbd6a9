// What a backend adds to the status: the server, and the exchange about each package. Types only.
import type { PackageId } from './model.ts';
import type { Status } from './status.ts';

export type LinkStatus = Status['link'];

/** What happens next to a package. Without `nextInMs` no timer of the agent leads there. */
export type Next = { readonly next: string; readonly nextInMs: number | undefined };

export type ServerView = Pick<Status, 'link' | 'backend' | 'previousServers'> & {
  readonly vin: string | undefined;
  /** The server of a package, where it is not the present one. */
  serverOf(id: PackageId): string | undefined;
  /** Why a package waits for the server; undefined: the core knows why it waits. */
  waitsFor(id: PackageId): string | undefined;
  next(id: PackageId): Next | undefined;
  /** How often the report was sent. */
  reportAttempts(id: PackageId): number;
};
