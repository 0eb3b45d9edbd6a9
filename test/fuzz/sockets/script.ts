// What one hostile peer does on one connection. All of it is drawn as data before it begins, so
// that the seed decides it, and not the timing. TCP and the control socket are treated alike.
import { pause, until } from '../../support/idle.ts';
// of it, whatever the timing. Connections over TCP and to the control socket are alike here.
import type { Socket } from 'node:net';

export type Step =
  | { readonly kind: 'send'; readonly data: Buffer }
  /** A byte at a time. */
  | { readonly kind: 'drip'; readonly data: Buffer; readonly everyMs: number }
  | { readonly kind: 'wait'; readonly delayMs: number }
  /** Until so many answers are here, or the connection is not. */
  | { readonly kind: 'answers'; readonly count: number }
  /** Reads no more. */
  | { readonly kind: 'deaf' }
  | { readonly kind: 'half-close' }
  | { readonly kind: 'reset' }
  /** Stays without a word: it is for the agent to end this. */
  | { readonly kind: 'hold' };

export type Script = {
  readonly name: string;
  /** How many messages, or attempts at one, each of its connections brings. */
  readonly inputs: number;
  readonly connections: number;
  readonly steps: readonly Step[];
  /** What was sent, where each of them must be answered. */
  readonly bodies?: readonly Buffer[];
  /** No node sends this: it must be refused, and nothing of it may be received. */
  readonly isForeign?: boolean;
};

export const send = (data: string | Buffer): Step => ({ kind: 'send', data: Buffer.from(data) });

export type Played = { readonly text: string; readonly isConnected: boolean };

export type Stage = {
  readonly connect: () => Socket;
  /** Each whole answer has this once. */
  readonly mark: string;
  /** Those that hold, and whether one of them has the right to: was it answered once? */
  readonly held: Map<Socket, () => boolean>;
};

export async function play(script: Script, stage: Stage): Promise<Played> {
  const socket = stage.connect();
  let text = '';
  let isClosed = false;
  let notify: () => void = () => undefined;
  socket.setEncoding('latin1').on('data', (more: string) => {
    text += more;
    notify();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    isClosed = true;
    notify();
  });
  const changed = () => new Promise<void>((done) => (notify = done));
  const isConnected = await new Promise<boolean>((done) => {
    socket.once('connect', () => done(true));
    socket.once('close', () => done(false));
  });
  let isHeld = false;
  for (const step of script.steps) {
    if (isClosed) break;
    switch (step.kind) {
      case 'send':
        socket.write(step.data);
        break;
      case 'drip':
        for (const byte of step.data) {
          if (isClosed) break;
          socket.write(Buffer.of(byte));
          await pause(step.everyMs);
        }
        break;
      case 'wait':
        await Promise.race([pause(step.delayMs), changed()]);
        break;
      case 'answers': {
        const isAnswered = () => text.split(stage.mark).length - 1 >= step.count;
        await until(`an answer to ${script.name}`, () => isClosed || isAnswered());
        break;
      }
      case 'deaf':
        socket.pause();
        break;
      case 'half-close':
        socket.end();
        break;
      case 'reset':
        // Local sockets know no reset.
        if (socket.remoteFamily === undefined) socket.destroy();
        else socket.resetAndDestroy();
        break;
      case 'hold':
        isHeld = true;
    }
  }
  if (isHeld && !isClosed) {
    const isDeaf = script.steps.some(({ kind }) => kind === 'deaf');
    stage.held.set(socket, () => isDeaf || text.includes(stage.mark));
    socket.on('close', () => stage.held.delete(socket));
  } else socket.destroy();
  return { text, isConnected };
}
