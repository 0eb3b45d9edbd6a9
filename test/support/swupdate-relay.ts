// A relay between the agent and a SWUpdate daemon. It halts their exchange once, at a byte of an
// install request: after it, both sides receive nothing. When the agent's end of a connection
// closes, the relay closes the daemon's, as without a relay. The next agent can pass.
import { mkdirSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { until } from './idle.ts';
import type { Server, Socket } from 'node:net';

/** Of a 64-bit daemon. */
export const requestBytes = 3_120;

export type Halt = {
  /** The number of bytes of the request and the image after it that reach the daemon. */
  readonly bytes: number;
  /** Whether the agent gets the daemon's answer. */
  readonly isAnswered: boolean;
};

export type Relay = {
  /** Halts at the next install request. */
  haltAt(halt: Halt): void;
  isHalted(): boolean;
  /** Resolves when the connections of the killed agent are closed. */
  released(): Promise<void>;
  /** The number of install requests so far. */
  requests(): number;
  stop(): Promise<void>;
};

/** `from`: where the agent searches for the daemon; `to`: where it really is. */
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
        // An unread answer resets the connection when it closes.
        if (halt?.isAnswered === false) daemon.pause();
      }
      came += data.length;
      if (halted !== undefined) return;
      const part = data.subarray(0, (halt?.bytes ?? Infinity) - passed);
      passed += part.length;
      if (part.length > 0) daemon.write(part);
      // Bytes after the request show that the agent has the answer.
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
