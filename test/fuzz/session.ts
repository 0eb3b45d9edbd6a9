// Makes the messages of a session as nodes deliver them (protocol 1.1, 2.1 to 2.3), in each dialect
// of the servers, for packages of the attacker. It also makes the lines of the control socket.
// Every input starts as one of these.
import { dialects } from '../backend/dialects.ts';
import { packageOf } from '../backend/package.ts';
import { serverRules } from '../backend/server-rules.ts';
import { treeOf } from './tree.ts';
import type { Body, Dialect } from '../backend/dialect.ts';
import type { DialectName } from '../backend/dialects.ts';
import type { ServerPackage } from '../backend/package.ts';
import type { Prng } from '../support/prng.ts';
import type { Tree } from './tree.ts';

export const dialectNames = ['P1', 'P2', 'P3'] as const;
/** Returns the dialect of the honest session next to an attack. */
export const dialectAt = (number: number): DialectName => dialectNames[number % 3] ?? 'P1';

/** An update has a UUID as its name; a package may have one, too. */
export const targetName = 'e0000000-0000-4000-8000-000000000000';
export const failingName = 'evil-2';

const parts = [Buffer.alloc(65_536, 'x'), Buffer.alloc(65_536, 'y'), Buffer.from('the end')];
export const targetData = Buffer.concat(parts);

export const idOf = (dialect: DialectName, name: string, version = '1.0.0') => ({
  name,
  version: dialect === 'P1' ? version : '',
});

type Cast = {
  readonly spelling: Dialect;
  readonly target: ServerPackage;
  /**
   * Packages of the attacker. Servers cannot decode their names (protocol 2.1, 2.3). A name that a
   * server can decode but does not have blocks that server without a limit (protocol 2.4).
   */
  readonly small: readonly [ServerPackage, ServerPackage, ServerPackage];
  readonly large: ServerPackage;
};

function castOf(dialect: DialectName): Cast {
  const parcel = (name: string, data: Buffer) => packageOf(idOf(dialect, name, '1.0'), data);
  return {
    spelling: dialects[dialect](serverRules['S-M'].grammar),
    target: packageOf(idOf(dialect, targetName), targetData),
    small: [
      parcel('evil-1', Buffer.alloc(100, 'a')),
      parcel(failingName, Buffer.alloc(1, 'b')),
      parcel('evil-3', Buffer.alloc(0)),
    ],
    large: parcel('evil-4', Buffer.alloc(65_543, 'w')),
  };
}

const casts = { P1: castOf('P1'), P2: castOf('P2'), P3: castOf('P3') } as const;

// ---------------------------------------------------------------- bodies

const servicesOf = (prefix: string) => ({
  start: `${prefix}/start`,
  ack: `${prefix}/ack`,
  report: `${prefix}/report`,
  packages: `${prefix}/packages`,
});

/** Returns all messages of a server about one package. */
export function tellingOf(dialect: DialectName, one: ServerPackage) {
  const { spelling } = casts[dialect];
  const key = one.id.name;
  return {
    notify: () => notifyOf(spelling, [one], servicesOf('b'), false),
    start: () => spelling.start(key, one),
    chunk: (index: number) => spelling.chunk(key, one, index),
    finish: () => spelling.finish(key, one),
  };
}

/** Returns one message with all packages in P1; otherwise the message of the first package. */
function notifyOf(
  spelling: Dialect,
  some: readonly ServerPackage[],
  services: Body,
  isConfirmationWanted: boolean,
): Body {
  const campaigns = some.map((one) => {
    return { key: one.id.name, one, isConfirmationWanted };
  });
  return spelling.notify(campaigns, services)[0] ?? {};
}

export function targetOf(dialect: DialectName): ServerPackage {
  return casts[dialect].target;
}

export function callOf(id: number, service: string, body: unknown): object {
  const params = { service_name: `/sota/${service}`, parameters: [body] };
  return { jsonrpc: '2.0', id, method: 'message', params };
}

// ---------------------------------------------------------------- the attack

/** Returns one message; those of the honest transfer are included if it is known. */
export function messageOf(prng: Prng, dialect: DialectName, isTargetKnown: boolean): Tree {
  const { target, small, large } = casts[dialect];
  // The large one costs much time, and packages must not evict each other.
  const others = prng.chance(0.95) ? small : ([large] as const);
  const one = isTargetKnown && prng.chance(0.1) ? target : prng.pick<ServerPackage>(others);
  const id = prng.below(1_000);
  return treeOf(message(prng, dialect, one, id));
}

function message(prng: Prng, dialect: DialectName, one: ServerPackage, id: number): object {
  const telling = tellingOf(dialect, one);
  const roll = prng.below(20);
  if (roll < 4) return callOf(id, 'notify', offerOf(prng, casts[dialect]));
  if (roll < 7) return callOf(id, 'start', telling.start());
  if (roll < 12) return callOf(id, 'chunk', chunkOf(prng, telling.chunk(1 + prng.below(2))));
  if (roll < 14) return callOf(id, 'finish', telling.finish());
  if (roll < 15) return callOf(id, 'getpackages', prng.pick([null, {}, []]));
  // If it names a package, it has the form of a finish.
  if (roll < 16) return callOf(id, 'abort', prng.pick([null, telling.finish()]));
  const names = { services: ['genivi.org/backend/sota/start', 'genivi.org/backend/sota/ack'] };
  if (roll < 18) return { jsonrpc: '2.0', id, method: 'services_available', params: names };
  if (roll < 19) return { jsonrpc: '2.0', method: 'services_unavailable', params: names };
  return { jsonrpc: '2.0', id, result: { status: 0, service: 'genivi.org/vin/V1/sota/notify' } };
}

/** Seldom, only the size is wrong, by a few bytes. */
function chunkOf(prng: Prng, body: Body): Body {
  return prng.chance(0.01) ? { ...body, bytes: 'A'.repeat(87_384) } : body;
}

/** An offer of one of many servers; some have the services of the first release (protocol 2.1). */
function offerOf(prng: Prng, { spelling, small, large }: Cast): Body {
  const some = prng.shuffle([...small, large]).slice(prng.below(3));
  const services = servicesOf(prng.chance(0.8) ? 'b' : `b${prng.below(20)}`);
  const cancel = prng.chance(0.1) ? { cancel: 'b/cancel' } : {};
  return notifyOf(spelling, some, { ...services, ...cancel }, prng.chance(0.2));
}

const questions = ['status', 'why', 'packages', 'watch', 'accept', 'decline'] as const;

/** Returns a line of the control socket. */
export function wishOf(prng: Prng): Tree {
  const command = prng.pick(questions);
  const { small, large } = casts[prng.pick(dialectNames)];
  const { id } = prng.pick<ServerPackage>([large, ...small]);
  return treeOf(command === 'accept' || command === 'decline' ? { command, ...id } : { command });
}
