// Random events for the policy, from a seed: requests in any order, late and twice; answers to its
// effects; links that come and go; power losses. It respects the limits of the agent: an effect is
// answered at most once per boot, and the data of a transfer is hashed to the end once.

import { policy } from '../../src/agent/backend.ts';
import { byNumber, inPhase, transferOf } from '../../src/core/decision-helpers.ts';
import { indicesOf } from '../../src/core/chunk-set.ts';
import { isComplete } from '../../src/backends/rvi/resume-strategy.ts';
import { backend, createCore, lastBytes, names, offer, offerUpdate, startOf } from './core.ts';
import { chunkBytes } from '../../src/limits.ts';
import type { InstallResult } from '../../src/core/events.ts';
import type { Decision, Effect, Event, Fact } from '../../src/agent/backend.ts';
import type { Package, PackageId } from '../../src/core/model.ts';
import type { Request } from '../../src/backends/rvi/messages.ts';
import type { Settings } from '../../src/settings.ts';
import type { Core } from './core.ts';
import type { Prng } from './prng.ts';

const ids = ['a', 'b', 'c'].map((name) => ({ name, version: '1.0.0' }));
const sums = ['1'.repeat(40), '2'.repeat(40)] as const;
const full = new Uint8Array(chunkBytes);
const short = new Uint8Array(lastBytes);
const verdicts: readonly [InstallResult, ...InstallResult[]] = [
  { kind: 'installed', description: 'there' },
  { kind: 'failed', code: 'install-failed', description: 'no' },
  { kind: 'reboot-required', description: '' },
  { kind: 'busy', reason: 'locked' },
  { kind: 'interrupted', description: 'died' },
];
const probes = ['installed', 'not-installed', 'unknown', 'reboot-required'] as const;

export type Step = { readonly event: Event; readonly before: Core; readonly decided: Decision };

export type World = {
  core(): Core;
  /** Effects that the agent would still answer. */
  readonly pending: readonly Effect[];
  /** The facts of all boots. */
  readonly facts: readonly Fact[];
  step(): Step;
};

export function createWorld(settings: Settings, prng: Prng): World {
  let core = createCore(settings, undefined, prng.unit());
  let boots = 1;
  const pending: Effect[] = [];
  const facts: Fact[] = [];
  const hashed = new Set<number>();
  let first: readonly Event[] = [booted([])];

  function booted(payloads: readonly { number: number; dataBytes: number }[]): Event {
    return { kind: 'booted', bootId: `boot-${boots}`, payloads };
  }

  function step(): Step {
    const [queued, ...later] = first;
    first = later;
    if (queued === undefined && prng.chance(0.04)) return reboot();
    const event = queued ?? draw(core, prng, pending, hashed);
    return commit(event);
  }

  function commit(event: Event): Step {
    const before = {
      ...core,
      state: (
        (state) => () =>
          state
      )(core.state()),
    };
    const decided = core.act(event);
    facts.push(...decided.facts);
    for (const effect of decided.effects) take(effect);
    return { event, before, decided };
  }

  function take(effect: Effect): void {
    if (effect.kind === 'discard') {
      remove(({ kind, ...rest }) => kind === 'hash' && 'number' in rest && is(rest, effect.number));
      hashed.delete(effect.number);
    }
    if (effect.kind !== 'hash') return void (isAnswered(effect) && pending.push(effect));
    const one = byNumber(core.state(), effect.number);
    const isWhole = one !== undefined && (!inPhase(one, 'receiving') || isComplete(one));
    const isKnown = pending.some((other) => other.kind === 'hash' && is(other, effect.number));
    if (isWhole && !isKnown && !hashed.has(effect.number)) pending.push(effect);
  }

  function remove(isGone: (effect: Effect) => boolean): void {
    const left = pending.filter((effect) => !isGone(effect));
    pending.splice(0, pending.length, ...left);
  }

  /**
   * The next boot has the facts; the effects in progress are lost, or were done without a recorded
   * result.
   */
  function reboot(): Step {
    const isNewBoot = prng.chance(0.7);
    if (isNewBoot) boots += 1;
    pending.splice(0);
    hashed.clear();
    const nowMs = core.nowMs + prng.below(100_000);
    core = Object.assign(createCore(settings, policy.replay(facts), prng.unit()), { nowMs });
    const there = [...core.state().packages.values()].flatMap((one) => {
      const number = transferOf(one)?.number;
      return number === undefined || prng.chance(0.1) ? [] : [{ number, dataBytes: 1e9 }];
    });
    return commit(booted(there));
  }

  return { core: () => core, pending, facts, step };
}

const is = (one: { readonly number: number }, number: number) => one.number === number;

function isAnswered({ kind }: Effect): boolean {
  return ![
    'log',
    'ack',
    'restart-ack',
    'progress-ack',
    'request-start',
    'discard',
    'hash',
  ].includes(kind);
}

function draw(core: Core, prng: Prng, pending: Effect[], hashed: Set<number>): Event {
  core.nowMs += prng.pick([0, 0, 10, 1_000, 10_000, 40_000, 400_000]);
  if (pending.length > 0 && prng.chance(0.35)) {
    const [effect] = pending.splice(prng.below(pending.length), 1);
    if (effect !== undefined) return answer(core, prng, effect, hashed);
  }
  if (prng.chance(0.2)) return { kind: 'tick' };
  if (prng.chance(0.12)) return drawLink(core, prng);
  const id = prng.pick([...ids.slice(0, 1), ...ids] as const as [PackageId, ...PackageId[]]);
  if (prng.chance(0.03)) return { kind: 'consent', id };
  if (prng.chance(0.01)) return { kind: 'decline', id };
  if (prng.chance(0.02)) return drawRot(core, prng, hashed);
  return { kind: 'request', request: drawRequest(core, prng, id) };
}

function drawLink(core: Core, prng: Prng): Event {
  const { link } = core.state();
  if (link.kind === 'closed') return { kind: 'transport-up' };
  const reason = 'lost';
  if (prng.chance(0.2)) return { kind: 'transport-down', reason };
  return prng.chance(0.3) ? { kind: 'call-failed', reason } : { kind: 'tick' };
}

/** A corrupt chunk is detected only while the data is hashed. */
function drawRot(core: Core, prng: Prng, hashed: ReadonlySet<number>): Event {
  for (const one of core.state().packages.values()) {
    const transfer = transferOf(one);
    if (transfer === undefined || hashed.has(transfer.number)) continue;
    const chunkIndex = indicesOf(transfer.chunks).at(prng.below(3));
    if (chunkIndex === undefined) continue;
    return { kind: 'chunk-corrupt', number: transfer.number, chunkIndex };
  }
  return { kind: 'tick' };
}

function drawRequest(core: Core, prng: Prng, id: PackageId): Request {
  if (prng.chance(0.03)) {
    const kind = prng.pick(['services-available', 'services-unavailable'] as const);
    return { kind, services: Object.values(backend) };
  }
  const one = core.one(id);
  const count = countOf(one) ?? prng.pick([1, 2, 3]);
  const known = one === undefined ? undefined : transferOf(one)?.checksum;
  const checksum = known !== undefined && prng.chance(0.8) ? known : prng.pick(sums);
  const index = prng.chance(0.9) ? 1 + prng.below(count) : prng.below(6);
  const isShort = prng.chance(0.95) ? index === count : prng.chance(0.5);
  const data = isShort ? short : full;
  const request = prng.below(20);
  if (request < 2) {
    const offered = prng.chance(0.7) ? offer(id) : offerUpdate(id, prng.chance(0.5));
    const hasNoInstallTimeout = prng.chance(0.2);
    if (prng.chance(0.9)) return { ...offered, hasNoInstallTimeout };
    return { ...offered, services: { ...backend, ack: `${prng.below(12)}/sota/ack` } };
  }
  if (request < 6) return startOf(id, prng.chance(0.95) ? count : 1 + prng.below(3), checksum);
  if (request < 15) return { kind: 'chunk', id, chunkIndex: Math.max(1, index), data };
  if (request < 17) return prng.chance(0.7) ? { kind: 'finish', id } : signed(prng, id);
  if (request < 19) return { kind: 'getpackages' };
  return { kind: 'abort', id: prng.chance(0.9) ? undefined : id };
}

const signed = (prng: Prng, id: PackageId): Request => ({
  kind: 'finish',
  id,
  signature: prng.pick(['a', 'b']),
});

function countOf(one: Package | undefined): number | undefined {
  return one === undefined ? undefined : transferOf(one)?.chunksCount;
}

function answer(core: Core, prng: Prng, effect: Effect, hashed: Set<number>): Event {
  switch (effect.kind) {
    case 'register':
      return prng.chance(0.8)
        ? { kind: 'registered', names, vin: 'VIN45678901234567', found: undefined }
        : { kind: 'call-failed', reason: 'refused' };
    case 'report':
      return { kind: 'sent', message: 'report', id: effect.report.id };
    case 'send-inventory':
      return { kind: 'sent', message: 'packages', id: undefined };
    case 'list-inventory':
      return { kind: 'inventory-listed', packages: ids };
    case 'hash':
      return answerHash(core, prng, effect.number, hashed);
    case 'reserve': {
      const { start, number } = effect;
      if (prng.chance(0.9)) return { kind: 'reserved', start, number };
      const code = prng.pick(['ENOSPC', 'EIO']);
      return { kind: 'not-reserved', start, number, code, reason: code };
    }
    default:
      return answerInstall(prng, effect);
  }
}

function answerHash(core: Core, prng: Prng, number: number, hashed: Set<number>): Event {
  const one = byNumber(core.state(), number);
  const transfer = one === undefined ? undefined : transferOf(one);
  const chunkIndex = transfer === undefined ? undefined : indicesOf(transfer.chunks).at(-1);
  const isWhole = one !== undefined && (!inPhase(one, 'receiving') || isComplete(one));
  if (!isWhole) return { kind: 'tick' };
  if (chunkIndex !== undefined && prng.chance(0.1)) {
    return { kind: 'chunk-corrupt', number, chunkIndex };
  }
  hashed.add(number);
  return { kind: 'hashed', number, sha1: prng.chance(0.9) ? (transfer?.checksum ?? '') : 'bad' };
}

function answerInstall(prng: Prng, effect: Effect): Event {
  switch (effect.kind) {
    case 'prepare': {
      const { id, transfer } = effect;
      const { number } = transfer;
      if (prng.chance(0.9)) return { kind: 'prepared', id, number, installer: 'opkg', before: '' };
      const failure = { kind: 'no-installer', reason: '' } as const;
      return { kind: 'not-prepared', id, number, failure };
    }
    case 'install':
      return { kind: 'install-ended', id: effect.id, verdict: prng.pick(verdicts) };
    case 'probe': {
      const probe = { kind: prng.pick(probes), description: '' };
      return { kind: 'install-probed', id: effect.id, probe };
    }
    case 'reboot':
      return { kind: 'reboot-requested', id: effect.id, ok: prng.chance(0.5), description: '' };
    case 'check':
      return { kind: 'checked', id: effect.id, ok: prng.chance(0.5), description: '' };
    default:
      throw new Error(`nothing answers ${effect.kind}`);
  }
}
