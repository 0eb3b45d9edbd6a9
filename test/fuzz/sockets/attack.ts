// One attack from one seed: sends inputs over real sockets to the built agent, which must finish a
// transfer meanwhile.
import { connect } from 'node:net';
import { createRandom } from '../../support/prng.ts';
import { freePort } from '../../support/vehicle.ts';
import { faultOf } from '../answers.ts';
import { dialectAt } from '../session.ts';
import { controlDraws, drawControl } from './control.ts';
import { deliveryPath, drawHttp, foreign, httpDraws } from './http.ts';
import { play } from './script.ts';
import { createGuarded, filesOf } from './target-agent.ts';
import { pause, until } from '../../support/idle.ts';
import type { Played, Script, Stage } from './script.ts';
import type { Bounds, Guarded, Seen } from './target-agent.ts';

export type Attack = Seen & {
  inputs: number;
  answers: number;
  /** Connections that the agent refused or closed. */
  refused: number;
  /** Requests that no node sends; each must be rejected with a response. */
  foreign: number;
  /** How often each kind was played. */
  readonly kinds: Map<string, number>;
};

/**
 * Open files: twice the connections that the listener keeps, those of the control socket, and the
 * agent's own.
 */
export const bounds: Bounds = { rssMib: 256, files: 2 * 64 + 8 + 32 + 32 };
/** Peers that run at the same time. */
const peersMax = 16;
export async function attackListener(seed: number, inputs: number): Promise<Attack> {
  const prng = createRandom(seed);
  const port = await freePort();
  const guarded = await createGuarded('http', dialectAt(seed), {
    listen: `127.0.0.1:${port}`,
    path: deliveryPath,
  });
  return underAttack(guarded, async (totals) => {
    const { pid } = guarded.vehicle.agent();
    const before = filesOf(pid);
    const end = guarded.watch(bounds);
    const listener = stageOf(port, 'HTTP/1.1 200 OK');
    const control = stageOf(guarded.socket, '\n');
    const strangers = Array.from({ length: 40 }, () => foreign).flat();
    const first = prng.shuffle([...httpDraws, ...controlDraws, ...strangers]);
    await inParallel(peersMax, () => {
      const another = prng.chance(0.15) ? drawControl : drawHttp;
      const draw = first.pop() ?? (totals.inputs < inputs ? another : undefined);
      if (draw === undefined) return undefined;
      const script = draw(prng);
      const isControl = draw === drawControl || controlDraws.includes(draw);
      return () => perform(totals, counted(totals, script), isControl ? control : listener);
    });
    // Connections to the control socket may be idle for a minute; those to the listener may not.
    for (const socket of control.held.keys()) socket.destroy();
    const isEnded = () => [...listener.held.values()].every((mayRest) => mayRest());
    await until('who began a message and held it is cut off', isEnded);
    for (const socket of listener.held.keys()) socket.destroy();
    await until('files are closed', () => filesOf(pid) <= before + 4);
    // Crowds may have taken all connections of foreign peers; here each of these gets its response.
    for (const draw of strangers) await perform(totals, counted(totals, draw(prng)), listener);
    await end();
    const refused = async () => (await guarded.vehicle.status()).counters.refused;
    const isAll = async () => (await refused()) >= totals.foreign;
    await until('each that was refused is counted', isAll);
  });
}

/** Runs from the start of a transfer to its end; a failure contains the log of the agent. */
export async function underAttack(
  guarded: Guarded,
  attack: (totals: Attack) => Promise<void>,
): Promise<Attack> {
  const counts = { inputs: 0, answers: 0, refused: 0, foreign: 0, kinds: new Map() };
  const totals: Attack = Object.assign(guarded.seen, counts);
  try {
    await begin(guarded);
    await attack(totals);
    await guarded.prove();
    return totals;
  } catch (error) {
    await pause(1_000);
    console.error(guarded.vehicle.logs().slice(-5_000));
    throw error;
  } finally {
    await guarded.vehicle.end();
  }
}

async function begin({ vehicle, one }: Guarded): Promise<void> {
  const { backend } = vehicle;
  vehicle.boot();
  await backend.registered();
  backend.server.notify([one]);
  const hasBegun = () => backend.server.log.some(({ service }) => service === '/sota/chunk');
  await backend.until('the transfer has begun', hasBegun);
}

/** `where` is a port of the listener or the path of the control socket. */
export const stageOf = (where: number | string, mark: string): Stage => ({
  connect: () => (typeof where === 'number' ? connect(where, '127.0.0.1') : connect(where)),
  mark,
  held: new Map(),
});

function counted(totals: Attack, script: Script): Script {
  count(totals, script.name, script.inputs * script.connections);
  return script;
}

export function count(totals: Attack, kind: string, inputs: number): void {
  totals.inputs += inputs;
  totals.kinds.set(kind, (totals.kinds.get(kind) ?? 0) + inputs);
}

export async function perform(totals: Attack, script: Script, stage: Stage): Promise<void> {
  const all = Array.from({ length: script.connections }, () => play(script, stage));
  for (const played of await Promise.all(all)) {
    const answers = played.text.split(stage.mark).length - 1;
    totals.answers += answers;
    if (!played.isConnected || answers === 0) totals.refused += 1;
    if (script.isForeign === true) totals.foreign += judgeForeign(script, played);
    else judge(script, played);
  }
}

/** At most one request is answered, with a rejection; the requests after it are not answered. */
function judgeForeign({ name }: Script, { text }: Played): number {
  const answers = text.split('HTTP/1.1 ').slice(1);
  const isRefused = answers.every((one) => one.startsWith('404 ')) && answers.length <= 1;
  if (!isRefused || /access-control/i.test(text)) throw new Error(`${name}: taken: ${text}`);
  return answers.length;
}

/** Responses of the listener, in the order of the requests. */
function judge({ name, bodies = [] }: Script, { text }: Played): void {
  const answers = text.split('HTTP/1.1 ').slice(1);
  for (const [at, answer] of answers.entries()) {
    const sent = bodies[at];
    if (sent === undefined) break;
    const body = Buffer.from(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'latin1').toString();
    // A response of the listener itself has no id.
    if (/"code":-3200[01]/.test(body)) continue;
    const fault = faultOf(sent, body === '' ? undefined : body);
    if (fault !== undefined) throw new Error(`${name}: ${fault}: ${sent.toString().slice(0, 400)}`);
  }
}

/** Calls `draw` in sequence, so that the draws do not depend on which peer is ready first. */
async function inParallel(most: number, draw: () => (() => Promise<void>) | undefined) {
  const work = async () => {
    for (let next = draw(); next !== undefined; next = draw()) await next();
  };
  await Promise.all(Array.from({ length: most }, work));
}
