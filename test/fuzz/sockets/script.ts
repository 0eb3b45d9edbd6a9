// The steps of one hostile peer on one connection. They are drawn as data before the connection
// begins, so the seed defines them whatever the timing. TCP and the control socket use the same
// steps.
import { pause, until } from '../../support/idle.ts';
import type { Socket } from 'node:net';

export type Step =
  | { readonly kind: 'send'; readonly data: Buffer }
  /** Sends one byte at a time. */
  | { readonly kind: 'drip'; readonly data: Buffer; readonly everyMs: number }
  | { readonly kind: 'wait'; readonly delayMs: number }
  /** Waits for this number of responses, or for the end of the connection. */
  | { readonly kind: 'answers'; readonly count: number }
  /** Stops reading. */
  | { readonly kind: 'deaf' }
  | { readonly kind: 'half-close' }
  | { readonly kind: 'reset' }
  /** Stays idle: the agent must end the connection. */
  | { readonly kind: 'hold' };

export type Script = {
  readonly name: string;
  /** How many messages, or attempts at one, each of its connections sends. */
  readonly inputs: number;
  readonly connections: number;
  readonly steps: readonly Step[];
  /** The messages sent, if each of them must be answered. */
  readonly bodies?: readonly Buffer[];
  /** No node sends this: the agent must reject it and must not receive any message of it. */
  readonly isForeign?: boolean;
};

export const send = (data: string | Buffer): Step => ({ kind: 'send', data: Buffer.from(data) });

export type Played = { readonly text: string; readonly isConnected: boolean };

export type Stage = {
  readonly connect: () => Socket;
  /** Each complete response contains this once. */
  readonly mark: string;
  /** Idle connections, and whether each may stay open (it was answered once). */
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
        // Local sockets have no reset.
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
