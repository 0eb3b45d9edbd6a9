// One round: sends inputs from one seed to one agent and checks all invariants meanwhile. At the
// end it simulates a power loss; the journal must then give the same state. The seed and the number
// of the input define a round completely.
import { journalFold } from '../../src/agent/journal-fold.ts';
import { policy } from '../../src/agent/backend.ts';
import { isDeepStrictEqual } from 'node:util';

import {
  backendsMax,
  confirmationsMax,
  historyEntriesMax,
  packagesMax,
  transfersMax,
} from '../../src/limits.ts';
import { isStatus } from '../../src/control/protocol.ts';
import { openStore } from '../../src/store/store.ts';
import { isBody } from '../backend/dialect.ts';
import { plainBody } from '../sim/bodies.ts';
import { createRandom } from '../support/prng.ts';
import { settle } from '../support/control.ts';
import { must } from '../support/store.ts';
import { faultOf } from './answers.ts';
import { mutated } from './mutate.ts';
import { controlPath, createRig, prefixIn } from './rig.ts';
import { callOf, dialectAt, dialectNames, messageOf, wishOf } from './session.ts';
import { targetData, targetName } from './session.ts';
import { spell, treeOf } from './tree.ts';
import { createVictim, isOrder } from './target-agent.ts';
import type { State } from '../../src/agent/backend.ts';
import type { Body } from '../backend/dialect.ts';
import type { DialectName } from '../backend/dialects.ts';
import type { Op } from '../support/memory-disk.ts';
import type { Prng } from '../support/prng.ts';
import type { Rig } from './rig.ts';
import type { Victim } from './target-agent.ts';

/** Each attack has a twin with an honest transfer in the same dialect. */
const dialectOf = (seed: number) => dialectAt(Math.floor(seed / 2));

export type RoundResult = { readonly taken: number; readonly refused: number };

/** Throws the invariant that failed; `onInput` is called before each input is sent. */
export async function runRound(
  seed: number,
  inputs: number,
  onInput: (at: number, data: Buffer) => void,
): Promise<RoundResult> {
  const prng = createRandom(seed);
  const dialect = dialectOf(seed);
  const rig = await createRig(prng, dialect);
  // Every other attack may give all orders that exist. No transfer is safe then, but all other
  // invariants are checked.
  const one = seed % 2 === 0 && rig.isAuto ? createVictim(dialect) : undefined;
  for (let turn = 0; turn < 2; turn += 1) {
    one?.(rig.daemon.state(), rig.deliver);
    await settle();
  }
  const result = { taken: 0, refused: 0 };
  const nonsense = () => ({ ok: true, text: answerOf(prng, dialect) }) as const;
  rig.node.answer(() => (prng.chance(0.1) ? nonsense() : undefined));
  for (let at = 0; at < inputs; at += 1) {
    const isControl = prng.chance(0.12);
    const data = inputOf(prng, dialect, isControl, one !== undefined);
    onInput(at, data);
    if (isControl) await ask(prng, rig, data, one !== undefined);
    else if (one === undefined || !isOrder(data)) {
      const answer = rig.deliver(data);
      const fault = faultOf(data, answer);
      if (fault !== undefined && !isEdge(answer)) throw new Error(fault);
      result[answer?.includes('"result"') === true ? 'taken' : 'refused'] += 1;
    }
    if (prng.chance(0.8)) await rig.clock.advance(prng.pick([0, 0, 0, 1, 10, 100, 5_000]));
    if (prng.chance(0.01)) one?.(rig.daemon.state(), rig.deliver);
    if (rig.told.crash !== undefined || at % 16 === 0) look(rig);
  }
  rig.node.answer(undefined);
  await goOn(rig, one);
  await cut(rig, dialect);
  return result;
}

/** Sometimes the attacker uses another dialect than the server. */
function inputOf(prng: Prng, own: DialectName, isControl: boolean, hasTarget: boolean): Buffer {
  const dialect = prng.chance(0.85) ? own : prng.pick(dialectNames);
  const tree = isControl ? wishOf(prng) : messageOf(prng, dialect, hasTarget);
  if (prng.chance(0.2)) return Buffer.from(spell(tree));
  return mutated(prng, tree);
}

/** A response of the listener itself has no id. */
const isEdge = (answer: string | undefined) => /"code":-3200[01]/.test(answer ?? '');

function answerOf(prng: Prng, dialect: DialectName): string {
  const service = `${prefixIn(dialect)}/sota/notify`;
  const result = { status: 0, service, services: ['a/b'] };
  return mutated(prng, treeOf({ jsonrpc: '2.0', id: 1, result })).toString();
}

// ---------------------------------------------------------------- the control socket

async function ask(prng: Prng, rig: Rig, data: Buffer, hasTarget: boolean): Promise<void> {
  if (hasTarget && data.includes('decline') && data.includes(targetName)) return;
  let heard = '';
  const handlers = { onData: (more: Uint8Array) => void (heard += Buffer.from(more).toString()) };
  const connected = await rig.sockets.connect(controlPath, { ...handlers, onClosed: () => 0 });
  if (!connected.ok) throw new Error(`the control socket is gone: ${connected.reason}`);
  const half = prng.below(data.length + 1);
  await connected.value.write(data.subarray(0, half));
  await connected.value.write(data.subarray(half));
  if (prng.chance(0.9)) await connected.value.write(Buffer.from('\n'));
  await settle();
  for (const line of heard.split('\n').slice(0, -1)) {
    const answer: { readonly ok?: unknown } = JSON.parse(line);
    if (typeof answer.ok !== 'boolean') throw new Error(`no answer of the control: ${line}`);
  }
  // Some connections stay open and idle.
  if (prng.chance(0.9)) connected.value.close();
}

// ---------------------------------------------------------------- promises

const within = /^\/s(\/(journal|journal\.new|packages(\/\d+(\/data)?)?))?$/;
const isWithin = ({ verb, path }: Op) =>
  within.test(path) || (verb === 'sync-directory' && path === '/');

function look({ daemon, disk, told, isAuto }: Rig): void {
  if (told.crash !== undefined) throw new Error(told.crash);
  const outside = disk.ops.find((op) => !isWithin(op));
  if (outside !== undefined) throw new Error(`not in the storage: ${outside.verb} ${outside.path}`);
  disk.ops.splice(0);
  const { core, backend } = daemon.state();
  const { packages, history, cleanups, confirmations } = core;
  const { previousServers, exchanges, origins } = backend;
  const phases = [...packages.values()].map(({ phase }) => phase.kind);
  const transfers = phases.filter((kind) => kind === 'receiving').length;
  const unasked = [...packages.values()].find((one) => 'transfer' in one.phase && !one.isByPerson);
  if (!isAuto && unasked !== undefined) {
    throw new Error(`received, though nobody accepted it: ${JSON.stringify(unasked.id)}`);
  }
  bounded('packages', packages.size, packagesMax);
  bounded('confirmations', confirmations.length, confirmationsMax);
  bounded('ledger', history.size, historyEntriesMax);
  bounded('exchanges', exchanges.size, packagesMax);
  bounded('origins', origins.size, packagesMax);
  bounded('servers', previousServers.length, backendsMax);
  bounded('leftovers', cleanups.size, packagesMax);
  bounded('transfers', transfers, transfersMax);
  bounded('open files', disk.openCount(), 4 * transfersMax);
  const status: unknown = JSON.parse(JSON.stringify(daemon.status()));
  if (!isStatus(status)) throw new Error('a status that its reader refuses');
  if (Object.keys(Object.prototype).length > 0) throw new Error('Object.prototype was changed');
}

function bounded(what: string, count: number, max: number): void {
  if (count > max) throw new Error(`${count} ${what}, more than ${max}`);
}

/**
 * After the attack the next call is answered, its effects are done, and the honest transfer
 * continues.
 */
async function goOn(rig: Rig, one: Victim | undefined): Promise<void> {
  const from = rig.node.said.length;
  const call = Buffer.from(JSON.stringify(callOf(7, 'getpackages', null)));
  await rig.clock.advance(10);
  const answer = rig.deliver(call);
  if (answer?.includes('"status":0') !== true) throw new Error(`after it: ${String(answer)}`);
  const isListed = () => rig.node.said.slice(from).some(({ body }) => isListing(body));
  const isWell = () => one === undefined || (rig.installed.has(targetName) && isReported(rig));
  for (let tries = 0; tries < 1_000; tries += 1) {
    const isOver = one?.(rig.daemon.state(), rig.deliver) !== true;
    await rig.clock.advance(1_000);
    look(rig);
    if (isOver && isListed() && isWell()) break;
  }
  if (!isListed()) throw new Error('the packages were not listed within 1000 s');
  const status = JSON.stringify(rig.daemon.status());
  if (!isWell()) throw new Error(`not installed and reported within 1000 s: ${status}`);
  const got = rig.installed.get(targetName);
  if (got !== undefined && !got.equals(targetData)) throw new Error('the target has other bytes');
  for (const { method, body } of rig.node.said) {
    const text = JSON.stringify(body);
    if (method === 'message' && halfPair.test(text)) throw new Error(`said ${text}`);
  }
}

/** Finds half a surrogate pair in JSON; after an even number of backslashes it is plain text. */
const halfPair = /(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]/;

/** A start of P1 contains a list of packages, too. */
const isListing = (body: Body) =>
  isBody(body['installed_software']) ||
  (Array.isArray(body['packages']) && body['services'] === undefined);

/** The service may be any: a hostile offer may have given another one. */
function isReported({ node }: Rig): boolean {
  return node.said.some(({ body }) => {
    const { package: id, status } = plainBody(body);
    return isBody(id) && id['name'] === targetName && status === true;
  });
}

/** Numbers are assigned before they are on flash; a missing directory is no error there. */
const known = (state: State) =>
  policy.snapshot({ ...state, core: { ...state.core, nextNumber: 0 } });

/** Simulates a power loss: the whole state is on flash, and a new agent starts from it. */
async function cut(rig: Rig, dialect: DialectName): Promise<void> {
  const lived = known(rig.daemon.state());
  const flash = rig.disk.cut('lost');
  await rig.end();
  const store = must(await openStore(flash.cut('kept'), '/s', 0, journalFold));
  if (store.losses.length > 0) throw new Error(`lost: ${store.losses.join('; ')}`);
  const said = known(store.state);
  if (!isDeepStrictEqual(said, lived)) {
    const only = (some: readonly object[], others: readonly object[]) =>
      some.filter((one) => !others.some((other) => isDeepStrictEqual(one, other)));
    const parts = { journal: only(said, lived), agent: only(lived, said) };
    throw new Error(`the journal says other things than the agent knew: ${JSON.stringify(parts)}`);
  }
  await store.close();
  const next = await createRig(createRandom(1), dialect, flash);
  await next.clock.advance(1_000);
  look(next);
  await next.end();
}
