// Runs the real agent in a simulated world, process after process, until the journey is over. The
// journey, the seed, the interruptions and the faults determine all events.
import process from 'node:process';
import { isBody } from '../backend/dialect.ts';
import { plainBody } from './bodies.ts';
import { createTimeline } from './clock.ts';
import { conditionsOf, streamsOf } from './conditions.ts';
import { createCutter } from './cutter.ts';
import { allocatedBytes } from './flash.ts';
import { createGate } from './gate.ts';
import { cutPower, drawSurvivals } from './power-loss.ts';
import { journalIn } from './scripts.ts';
import { wordOf } from './installers.ts';
import { createDevice } from './boots.ts';
import { createOperator } from './operator.ts';
import { createOracle } from './oracle.ts';
import { createBackend } from './server.ts';
import { createRoot } from './root.ts';
import { settings as usual } from './settings.ts';
import type { State } from '../../src/agent/backend.ts';
import type { Settings } from '../../src/settings.ts';
import type { SeenMessage } from '../backend/seen.ts';
import type { Prng } from '../support/prng.ts';
import type { Conditions } from './conditions.ts';
import type { CutHere } from './gate.ts';
import type { Software } from './installers.ts';
import type { Journey } from './journeys.ts';
import type { Outcome, Scenario, Stage } from './scenario.ts';

/** 2026-11-24; the build is of the day before. */
const bornMs = Date.UTC(2026, 10, 24);
const builtMs = bornMs - 86_400_000;
const timeMsMax = 20 * 86_400_000;
const eventsMax = 400_000;
/** Servers that ignore a report never confirm it; after this time the run stops waiting. */
const graceMs = 200_000;
const restMs = 6 * 3_600_000;

export function simulate(scenario: Scenario): Promise<Outcome> {
  return createWorld(scenario).run();
}

function newSoftware({ busy, denials }: Scenario['journey']['manner']): Software {
  const nothing = { truth: new Map(), starts: [], sha1s: new Map() };
  return { ...nothing, busyLeft: busy, denialsLeft: denials };
}

function createWorld({ journey, seed, plan, faults, trace: print, onJournal }: Scenario) {
  const conditions = { ...conditionsOf(seed, journey.isRough ?? false), ...journey.conditions };
  const streams = streamsOf(seed);
  const timeline = createTimeline();
  const root = createRoot(conditions.isFresh, journey.journalOf?.(seed));
  const software = newSoftware(journey.manner);
  const listeners: ((message: SeenMessage) => void)[] = [];
  const reported = new Set<string>();
  const settingsOf = (life: number) => settingsFor(journey, conditions, life);
  const wallMs = () => (journey.wallMs ?? trueWallMs)(timeline.nowMs());
  let [calmMs, cuts] = [Infinity, 0];
  let failure: string | undefined;

  const trace =
    print === undefined
      ? undefined
      : (what: string) => print(`${(timeline.nowMs() / 1_000).toFixed(3).padStart(10)}  ${what}`);

  function violate(what: string): void {
    trace?.(`VIOLATED: ${what}`);
    failure ??= what;
  }

  const gate = createGate({
    timeline,
    cutAt: createCutter(plan, streams.plan, () => cuts),
    faults,
    ...latenciesOf(conditions, streams.disk),
    onCut: cut,
    onOperation: ({ verb, path }) => {
      trace?.(`  ${gate.changes()} ${verb} ${path}`);
      onJournal?.(journalIn(root));
    },
    onChanged: () => oracle.onChanged(),
    onFault: (code) => trace?.(`FAULT ${code}`),
  });

  const backend = createBackend({
    ...conditions,
    isLenient: journey.isLenient ?? false,
    timeline,
    prng: streams.network,
    trueMs: () => trueWallMs(timeline.nowMs()),
    wallMs,
    onSeen,
    onRegistered: (service) => {
      if (service.endsWith('abort')) timeline.after(5, operator.campaign);
    },
    onCall: (text) => {
      trace?.(`> ${text.slice(0, 300)}`);
      oracle.onCall(text);
    },
    onDelivered,
  });

  const oracle = createOracle({
    journey,
    root,
    software,
    settings: settingsOf(1),
    state: () => device.state(),
    timeout: () => timeoutOf(wallMs()),
    violate,
  });

  const stage: Stage = {
    timeline,
    backend,
    conditions,
    software,
    root,
    oracle,
    seed,
    packages: journey.packages,
    usedBytes: () => allocatedBytes(root),
    state: () => device.state(),
    onSeen: (act) => void listeners.push(act),
    cut: (kind) => cut({ kind }),
    lives: () => device.lives(),
  };

  const device = createDevice({
    journey,
    conditions,
    streams,
    timeline,
    gate,
    root,
    software,
    backend,
    oracle,
    settingsOf,
    wallMs,
    builtMs,
    capacityBytes: () => journey.capacityBytes?.(stage) ?? 1e9,
    trace,
    violate,
  });

  const operator = createOperator({
    timeline,
    backend,
    packages: journey.packages,
    mayBlock: conditions.kind === 'S-A' || journey.mayBlock === true,
    state: device.state,
    isReported: (word) => reported.has(word),
  });

  function onDelivered(text: string, answer: string | undefined): void {
    trace?.(`< ${text.slice(0, 200)} : ${answer ?? 'nobody there'}`);
    if (answer === undefined || text.includes('services_')) return;
    const call: unknown = JSON.parse(text);
    const params = isBody(call) ? call['params'] : undefined;
    if (isBody(params)) oracle.onDelivered(String(params['service_name']), params['parameters']);
  }

  function onSeen(message: SeenMessage): void {
    const { direction, service, parameters } = message;
    const body = plainBody(parameters);
    if (direction === 'in' && service === '/sota/report' && isBody(body['package'])) {
      const { name, version } = body['package'];
      reported.add(`${String(name)} ${String(version)}`);
      oracle.onHeard(`${String(name)} ${String(version)}`);
      calmMs = timeline.nowMs() + graceMs;
    }
    trace?.(`${direction === 'in' ? '->' : '<-'} server ${service} ${message.ignored ?? ''}`);
    for (const act of listeners) act(message);
  }

  function cut({ kind, left }: Pick<CutHere, 'kind' | 'left'>): void {
    cuts += 1;
    const survivals = { ...drawSurvivals(streams.cuts), ...left };
    const { data, journal, names } = survivals;
    trace?.(`CUT ${kind} ${kind === 'power' ? `${data} ${journal} ${names}` : ''}`);
    if (kind === 'power') {
      cutPower(root, survivals, streams.cuts);
      journey.onPowerCut?.(stage, streams.cuts);
    }
    device.end(kind === 'power', 1 + streams.cuts.below(conditions.downMsMax));
  }

  function isOver(): boolean {
    if (failure !== undefined) return true;
    const now = device.state();
    if (now === undefined || !device.isRunning()) return false;
    const isHeard = journey.packages.every(({ one }) => reported.has(wordOf(one.id)));
    return isHeard && (isQuiet(now) || (timeline.nowMs() >= calmMs && isSettled(now)));
  }

  async function run(): Promise<Outcome> {
    current = (reason) => device.exit(`nobody caught: ${String(reason)}`);
    journey.script?.(stage);
    operator.start();
    timeline.after(0, device.start);
    const limits = { timeMs: timeMsMax, events: eventsMax };
    const ending = await timeline.run(isOver, limits);
    if (ending !== 'over') violate(`it does not end: ${ending}`);
    const overMs = timeline.nowMs();
    // A removal may take time, or another start.
    const isClear = () =>
      timeline.nowMs() > overMs + 1_000 &&
      device.isRunning() &&
      device.state()?.core.cleanups.size === 0;
    await timeline.run(() => failure !== undefined || isClear(), limits);
    if (cuts + gate.faultsDone() === 0) await rest();
    const last = device.state();
    if (failure === undefined && last !== undefined) {
      oracle.onEnd(last, { cuts, faults: gate.faultsDone(), worldMs: overMs });
    }
    trace?.(failure ?? 'well');
    return {
      failure,
      changes: gate.changes(),
      operations: gate.operations(),
      cuts,
      faults: gate.faultsDone(),
      lives: device.lives(),
      chunksAgain: oracle.chunksAgain(),
      worldMs: timeline.nowMs(),
    };
  }

  /** Checks that an idle agent writes nothing. */
  async function rest(): Promise<void> {
    const now = device.state();
    if (now === undefined || !isQuiet(now)) return;
    const restFor = (ms: number) => {
      const untilMs = timeline.nowMs() + ms;
      return timeline.run(() => false, { timeMs: untilMs, events: eventsMax });
    };
    // Delayed messages come first.
    await restFor(graceMs);
    const changes = gate.changes();
    await restFor(restMs);
    if (gate.changes() > changes) violate('it writes although it has nothing to do');
  }

  return { run };
}

/** An uncaught rejection ends a real process; here it ends the simulated one. */
let current: (reason: unknown) => void = () => undefined;
process.on('unhandledRejection', (reason) => current(reason));

const trueWallMs = (nowMs: number) => bornMs + Math.floor(nowMs);

/** Protocol 1.6: unix seconds, or milliseconds from now if the clock cannot be right. */
function timeoutOf(wallMs: number): number {
  return wallMs < builtMs ? 90_000 : Math.floor(wallMs / 1_000) + 90;
}

function latenciesOf({ latencyMsMax }: Conditions, disk: Prng) {
  const latencyMs = () => (latencyMsMax === 0 ? 0 : disk.below(latencyMsMax));
  // Without latency, too, two syncs at once end in any order.
  return { latencyMs, syncLatencyMs: () => latencyMs() + disk.below(2) };
}

function settingsFor(journey: Journey, { ack }: Conditions, life: number): Settings {
  const base: Settings = { ...usual, rvi: { ...usual.rvi, ack } };
  return journey.settingsOf?.(base, life) ?? base;
}

const isQuiet = ({ core, backend }: State) =>
  core.packages.size === 0 && backend.inventoryRequest === undefined;

const isSettled = ({ core }: State) =>
  [...core.packages.values()].every(({ phase }) => phase.kind === 'reporting');
