// Stands between the agent and a SWUpdate daemon, and halts their exchange once, at a byte of an
// install request: from there on neither hears of the other. With the agent's end of a connection
// the daemon's goes, as it would without a relay; the next life is let through.
import { mkdirSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { until } from './idle.ts';
import type { Server, Socket } from 'node:net';

/** Of a 64-bit daemon. */
export const requestBytes = 3_120;

export type Halt = {
  /** So much of the request, and of the image behind it, reaches the daemon. */
  readonly bytes: number;
  /** Whether the agent gets the daemon's answer. */
  readonly isAnswered: boolean;
};

export type Relay = {
  /** At the next install request. */
  haltAt(halt: Halt): void;
  isHalted(): boolean;
  /** Resolves when the agent, which was killed, has let go of its connections. */
  released(): Promise<void>;
  /** Install requests of the agent so far. */
  requests(): number;
  stop(): Promise<void>;
};

/** `from`: where the agent looks for the daemon; `to`: where that is. */
export async function createRelay(from: string, to: string): Promise<Relay> {
  const agents = new Set<Socket>();
  let wanted: Halt | undefined;
  let halted: Socket | undefined;
  let requests = 0;

  function connect(agent: Socket, daemon: Socket): void {
    let halt: Halt | undefined;
    let [came, passed] = [0, 0];

    function take(data: Buffer): void {
      if (came === 0 && isInstall(data)) {
        requests++;
        [halt, wanted] = [wanted, undefined];
        // An answer that nobody has read resets the connection at its end.
        if (halt?.isAnswered === false) daemon.pause();
      }
      came += data.length;
      if (halted !== undefined) return;
      const part = data.subarray(0, (halt?.bytes ?? Infinity) - passed);
      passed += part.length;
      if (part.length > 0) daemon.write(part);
      // Only who has the answer goes on behind the request.
      if (halt?.bytes !== passed || (halt.isAnswered && came <= requestBytes)) return;
      halted = agent;
      agent.pause();
    }

    agent.on('data', take);
    agent.on('end', () => void (halted === undefined && daemon.end()));
    agent.on('close', () => {
      daemon.destroy();
      agents.delete(agent);
    });
    daemon.on('data', (data) => void (halted === undefined && agent.write(data)));
    daemon.on('end', () => void (halted === undefined && agent.end()));
    daemon.on('close', () => void (halted === undefined && agent.destroy()));
  }

  function serve(name: string): Promise<Server> {
    const server = createServer({ allowHalfOpen: true }, (agent) => {
      const daemon = createConnection({ path: join(to, name), allowHalfOpen: true });
      agents.add(agent);
      for (const socket of [agent, daemon]) socket.on('error', () => undefined);
      connect(agent, daemon);
    });
    return new Promise((done) => server.listen(join(from, name), () => done(server)));
  }

  mkdirSync(from, { recursive: true });
  const servers = [await serve('sockinstctrl'), await serve('swupdateprog')];
  const released = async () => {
    for (const agent of agents) agent.resume().end();
    await until('the agent to let go', () => agents.size === 0);
    halted = undefined;
  };
  const stop = async () => {
    for (const socket of agents) socket.destroy();
    await Promise.all(servers.map((one) => new Promise((done) => one.close(done))));
  };
  return {
    haltAt: (halt) => (wanted = halt),
    isHalted: () => halted !== undefined,
    released,
    requests: () => requests,
    stop,
  };
}

function isInstall(data: Buffer): boolean {
  return data.length >= requestBytes && data.readInt32LE(4) === 0;
}
