// One attack on the connection: a node under hostile control sends invalid frames between the
// messages of a transfer that must finish. A reconnect costs a wait. After a frame that ends the
// connection, the attack therefore restarts the agent.
import { createRandom } from '../../support/prng.ts';
import { drawControl } from './control.ts';
import { drawHarmless, fatal, halfFrame, handshakes } from './frames.ts';
import { dialectAt } from '../session.ts';
import { createRelay } from './relay.ts';
import { underAttack, bounds, count, perform, stageOf } from './attack.ts';
import { createGuarded } from './target-agent.ts';
import { until } from '../../support/idle.ts';
import type { Prng } from '../../support/prng.ts';
import type { Relay } from './relay.ts';
import type { Attack } from './attack.ts';
import type { Guarded } from './target-agent.ts';

export async function attackConnection(seed: number, inputs: number): Promise<Attack> {
  const prng = createRandom(seed);
  const relay = await createRelay();
  const guarded = await createGuarded('ws', dialectAt(seed), { url: relay.url });
  relay.passTo(guarded.vehicle.backend.url);
  const kinds = prng.shuffle(fatal);
  const refusals = prng.shuffle(handshakes);
  const attack = async (totals: Attack) => {
    while (totals.inputs < inputs || kinds.length > 0) {
      const end = guarded.watch(bounds);
      await harass(prng, totals, relay, guarded);
      const kind = kinds.pop();
      if (kind !== undefined) await spoil(prng, totals, relay, kind, refusals.pop());
      await end();
      guarded.vehicle.cut();
      await guarded.vehicle.agent().ended;
      guarded.vehicle.boot();
    }
  };
  return underAttack(guarded, attack).finally(relay.stop);
}

/** A node stops in the middle of a frame. A call gets no answer, so the agent pings. */
export async function attackInSilence(seed: number): Promise<Attack> {
  const relay = await createRelay();
  const guarded = await createGuarded('ws', dialectAt(seed), { url: relay.url });
  relay.passTo(guarded.vehicle.backend.url);
  const attack = async (totals: Attack) => {
    const end = guarded.watch(bounds);
    const link = await relay.link();
    count(totals, 'link: silent in a frame', 1);
    link.inject(halfFrame);
    link.silence();
    await until('the link is ended after a silence', link.isClosed);
    await guarded.vehicle.agent().logged(/node-disconnected reason=.*sent nothing for/);
    await end();
  };
  return underAttack(guarded, attack).finally(relay.stop);
}

async function harass(
  prng: Prng,
  totals: Attack,
  relay: Relay,
  { socket }: Guarded,
): Promise<void> {
  const link = await relay.link();
  const control = stageOf(socket, '\n');
  for (let turn = 0; turn < 12; turn += 1) {
    const { name, data, inputs } = drawHarmless(prng);
    count(totals, name, inputs);
    link.inject(data);
    const script = drawControl(prng);
    if (prng.chance(0.2)) {
      count(totals, script.name, script.inputs * script.connections);
      await perform(totals, script, control);
    }
    // The agent has read all of it, and the connection still works.
    await link.read(name);
  }
  for (const one of control.held.keys()) one.destroy();
}

/** If set, the next connection is refused; the agent may reconnect immediately. */
async function spoil(
  prng: Prng,
  totals: Attack,
  relay: Relay,
  [name, draw, end]: (typeof fatal)[number],
  refusal: (typeof handshakes)[number] | undefined,
): Promise<void> {
  const link = await relay.link();
  const { closed } = relay.refused();
  relay.refuse(refusal?.[1]);
  count(totals, `link: ${name}`, 1);
  link.inject(draw(prng));
  if (end !== undefined) link.end(end);
  await until(`the link is ended after: ${name}`, link.isClosed);
  if (refusal === undefined) return;
  count(totals, `handshake: ${refusal[0]}`, 1);
  const isClosed = () => relay.refused().closed > closed;
  await until(`the agent leaves after a handshake of ${refusal[0]}`, isClosed);
  relay.refuse(undefined);
}
