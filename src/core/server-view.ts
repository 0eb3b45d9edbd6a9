// The part of the status that a backend provides: the server, and its exchange about each package.
// Types only.
import type { PackageId } from './model.ts';
import type { Status } from './status.ts';

export type LinkStatus = Status['link'];

/** The next action for a package. `nextInMs` undefined: no timer of the agent triggers it. */
export type Next = { readonly next: string; readonly nextInMs: number | undefined };

export type ServerView = Pick<Status, 'link' | 'backend' | 'previousServers'> & {
  readonly vin: string | undefined;
  /** The server of a package, if it is not the current one. */
  serverOf(id: PackageId): string | undefined;
  /** Why a package waits for the server; undefined: it waits for a reason of the core. */
  waitsFor(id: PackageId): string | undefined;
  next(id: PackageId): Next | undefined;
  /** How often the report was sent. */
  reportAttempts(id: PackageId): number;
};
