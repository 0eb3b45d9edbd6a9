// The world outside the device: its RVI node and its server, the same ones that the tests over real
// sockets use. They reach the agent over a transport that loses, delays, repeats and breaks.
import { prefixOf } from '../backend/dialects.ts';
import { createNode } from '../backend/node.ts';
import { createServer } from '../backend/server.ts';
import { never } from './gate.ts';
import type {
  CallResult,
  Transport,
  TransportHandlers,
} from '../../src/backends/rvi/transport/transport.ts';
import type { DialectName } from '../backend/dialects.ts';
import type { NodeKind } from '../backend/node-rules.ts';
import type { Fault, Passing, RviNode } from '../backend/node.ts';
import type { ServerPackage } from '../backend/package.ts';
import type { SeenMessage } from '../backend/seen.ts';
import type { ServerKind } from '../backend/server-rules.ts';
import type { Server } from '../backend/server.ts';
import type { Prng } from '../support/prng.ts';
import type { Breath, Timeline } from './clock.ts';

export type Way = 'http' | 'ws';

/** Probability of each fault of a message; all are zero from `untilMs`. */
export type Weather = {
  readonly drop: number;
  readonly twice: number;
  readonly delay: number;
  readonly delayMsMax: number;
  /** A call to the node is lost, or its response. */
  readonly callLost: number;
  readonly untilMs: number;
};

export const fair: Weather = {
  drop: 0,
  twice: 0,
  delay: 0,
  delayMsMax: 0,
  callLost: 0,
  untilMs: 0,
};

export type BackendOptions = {
  readonly timeline: Timeline;
  readonly prng: Prng;
  readonly way: Way;
  readonly node: NodeKind;
  readonly kind: ServerKind;
  readonly dialect: DialectName;
  readonly weather: Weather;
  readonly isLenient: boolean;
  /** The correct time, as 1970 plus the time since. */
  readonly trueMs: () => number;
  /** The wall clock of the device, where its node runs. */
  readonly wallMs: () => number;
  readonly onSeen: (message: SeenMessage) => void;
  readonly onRegistered: (service: string) => void;
  /** A call that leaves the agent; it may be lost afterwards. */
  readonly onCall: (text: string) => void;
  /** A text for the agent, and its immediate response; undefined if no agent was running. */
  readonly onDelivered: (text: string, answer: string | undefined) => void;
};

export type Backend = {
  readonly node: RviNode;
  readonly server: Server;
  connect(life: Breath): Transport;
  /** Breaks the connections of the agent. */
  disconnect(): void;
  restartNode(downMs: number): void;
  restartServer(downMs: number): void;
  /** Undefined restores the faults of `weather`. */
  setFault(fault: ((message: Passing) => Fault) | undefined): void;
  /** Delivers directly to the agent, without server and node. */
  deliver(service: string, parameters: unknown): void;
};

export const vin = 'V1234567890123456';
const device = '123e4567-e89b-42d3-a456-426655440000';
export const prefix = 'genivi.org/backend';
const address = 'http://127.0.0.1:9080';
const services = ['start', 'ack', 'report', 'packages'].map((name) => `${prefix}/sota/${name}`);

export function createBackend(options: BackendOptions): Backend {
  const { timeline, prng, weather, dialect } = options;
  let fault: ((message: Passing) => Fault) | undefined;
  let isNodeUp = true;
  let isServerUp = true;
  let line: Line | undefined;

  const isRough = () => timeline.nowMs() < weather.untilMs;

  function faultOf(message: Passing): Fault {
    if (fault !== undefined) return fault(message);
    if (!isRough()) return { kind: 'pass' };
    const roll = prng.unit();
    if (roll < weather.drop) return { kind: 'drop' };
    if (roll < weather.drop + weather.twice) return { kind: 'twice' };
    if (roll < weather.drop + weather.twice + weather.delay) {
      return { kind: 'delay', delayMs: prng.below(weather.delayMsMax) };
    }
    return { kind: 'pass' };
  }

  const node = createNode(
    {
      kind: options.node,
      prefix: prefixOf(dialect, vin, device),
      backend: services,
      fault: faultOf,
    },
    {
      nowMs: options.wallMs,
      after: timeline.after,
      onMessage: (name, parameters) => {
        if (isServerUp) server.receive(name.slice(prefix.length), parameters);
      },
      onRegistered: options.onRegistered,
    },
  );
  const server = createServer(
    {
      kind: options.kind,
      dialect,
      prefix,
      grammar: options.isLenient ? { name: /./s, version: /./s } : {},
    },
    { now: options.trueMs, after: timeline.after, send: node.deliver, onSeen: options.onSeen },
  );

  /** Creates the transport of one process of the agent. */
  function createEnd(life: Breath): Transport {
    let handlers: TransportHandlers | undefined;
    const pending = new Set<(result: CallResult) => void>();
    let waiting: string[] = [];
    let isOpen = false;

    function receive(text: string): void {
      if (!life.isAlive() || handlers === undefined || !isOpen) {
        return options.onDelivered(text, undefined);
      }
      if (!handlers.isFull()) return options.onDelivered(text, handlers.receive(spelled(text)));
      // A WebSocket is paused; over HTTP the response is "busy", and the message is lost.
      if (options.way === 'ws') waiting.push(text);
      else options.onDelivered(text, handlers.refusal('busy'));
    }

    function call(text: string, timeLimitMs: number): Promise<CallResult> {
      if (!life.isAlive()) return never();
      options.onCall(text);
      if (!isNodeUp || !isOpen) return Promise.resolve(failed(isOpen ? 'refused' : 'closed'));
      const isLost = isRough() && prng.chance(weather.callLost);
      const isPerformed = !isLost || prng.chance(0.5);
      return new Promise((resolve) => {
        const settle = (result: CallResult) => {
          if (pending.delete(settle) && life.isAlive()) resolve(result);
        };
        pending.add(settle);
        if (isLost) timeline.after(timeLimitMs, () => settle(failed('timeout')));
        if (!isPerformed) return;
        timeline.after(1, () => {
          if (!pending.has(settle)) return;
          const reply = node.call(text, () => ({ name: address, post: postTo(own) }));
          const isJson = reply.kind === 'json';
          const result: CallResult = isJson ? { ok: true, text: reply.text } : failed('closed');
          if (!isLost) timeline.after(1, () => settle(result));
        });
      });
    }

    function raise(delayMs: number): void {
      timeline.after(delayMs, () => {
        if (!life.isAlive() || isOpen || handlers === undefined) return;
        if (options.way === 'ws' && !isNodeUp) return raise(1_000);
        isOpen = true;
        handlers.onUp();
      });
    }

    /** HTTP has no connection that could be lost; messages in flight are lost. */
    function breakOff(): void {
      for (const settle of pending) settle(failed('closed'));
      if (options.way === 'http' || !isOpen || !life.isAlive()) return;
      isOpen = false;
      waiting = [];
      handlers?.onDown('simulated: connection lost');
      raise(1_000 + prng.below(5_000));
    }

    const own: Line = { receive, breakOff };
    line = own;
    return {
      open: (given) => {
        handlers = given;
        raise(0);
      },
      call: ({ text, timeLimitMs }) => call(text, timeLimitMs),
      resume: () => {
        const texts = waiting;
        waiting = [];
        texts.forEach(receive);
      },
      networkAddress: address,
      close: () => Promise.resolve(),
    };
  }

  /** An address stays valid for the next process; a connection does not (protocol 1.2, 1.9). */
  function postTo(own: Line): (text: string) => void {
    return (text) =>
      void timeline.after(1 + prng.below(3), () => {
        const end = options.way === 'http' ? line : own;
        end?.receive(text);
      });
  }

  function restartNode(downMs: number): void {
    node.restart();
    isNodeUp = false;
    line?.breakOff();
    timeline.after(downMs, () => {
      isNodeUp = true;
    });
  }

  function restartServer(downMs: number): void {
    server.restart();
    isServerUp = false;
    timeline.after(downMs, () => {
      isServerUp = true;
      node.announce();
    });
  }

  return {
    node,
    server,
    connect: createEnd,
    disconnect: () => line?.breakOff(),
    restartNode,
    restartServer,
    setFault: (given) => {
      fault = given;
    },
    deliver: (service, parameters) => node.deliver(service, [parameters], 300_000),
  };
}

type Line = { readonly receive: (text: string) => void; readonly breakOff: () => void };

function failed(code: string): CallResult {
  return { ok: false, code, reason: `${code}: simulated` };
}

// ---------------------------------------------------------------- bytes of chunks

/**
 * Writing 64 KiB as JSON again and again would take most of a run. The server sends a short text
 * instead of the bytes, the last hop inserts the bytes, and finished texts are cached.
 */
const texts = new Map<string, Buffer>();
const contents = new Map<string, string>();

export function asWords(one: ServerPackage): ServerPackage {
  const chunks = new Map<number, string>();
  const chunk = (index: number) => {
    const known = chunks.get(index);
    if (known !== undefined) return known;
    const word = `word-${one.checksum}-${index}`;
    contents.set(word, one.chunk(index));
    chunks.set(index, word);
    return word;
  };
  return { ...one, chunk };
}

function spelled(text: string): Buffer {
  const known = texts.get(text);
  if (known !== undefined) return known;
  const whole = text.replace(/word-[0-9a-f]{40}-\d+/, (word) => contents.get(word) ?? '');
  const bytes = Buffer.from(whole);
  if (bytes.length > 4_096) texts.set(text, bytes);
  return bytes;
}
