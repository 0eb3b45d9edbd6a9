// The part of the RVI backend that does I/O: transport, receiver and sender.
import { errorCodes } from './codec/jsonrpc.ts';
import { readable } from './codec/inventory-filter.ts';
import { nodeDialects } from './codec/node-dialect.ts';
import { deviceOf } from './codec/dialects.ts';
import { createClockWatch } from './clock-watch.ts';
import { contextOf, servicesOf } from './destination.ts';
import { createReceiver } from './receiver.ts';
import { createRefusals } from './rejection-counter.ts';
import { createSender } from './sender.ts';
import { viewOf } from './view.ts';
import type { Event } from '../../core/events.ts';
import type { PackageId } from '../../core/model.ts';
import type { Settings } from './settings.ts';
import type { ServerView } from '../../core/server-view.ts';
import type { Clock, Log } from '../../host/ports.ts';
import type { RviAgentState, RviEffect, RviEvent } from './model.ts';
import type { Transport } from './transport/transport.ts';

export type ConnectionParts = {
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: Settings;
  readonly transport: Transport;
  /** The time of the build: an earlier clock is wrong. */
  readonly builtMs: number;
};

/** What the connection needs from the agent. */
export type Shell = {
  state(): RviAgentState;
  /** Resolves when the changes of the event are durable. */
  submit(event: RviEvent | Extract<Event, { readonly kind: 'refused' }>): Promise<void>;
  /** True if the event queue is full, so that nothing more is read. */
  isFull(): boolean;
  onChange(listener: () => void): () => void;
};

export type Renewed =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly code: PathCode; readonly reason: string };

/** Why the agent rejects `renew-path`. */
export type PathCode = 'no-path' | 'fixed-path' | 'path-not-renewed';

export type Connection = {
  execute(effect: RviEffect): void;
  open(): void;
  /** Ends the timers. */
  stop(): void;
  close(): Promise<void>;
  /** Makes another secret path for deliveries, and registers it. */
  renewPath(): Promise<Renewed>;
};

export function createConnection(parts: ConnectionParts, shell: Shell): Connection {
  const { clock, log, settings, transport, builtMs } = parts;
  const dialect = nodeDialects[settings.rvi.nodeDialect];
  const state = () => shell.state();
  const submit = (event: Parameters<Shell['submit']>[0]) => void shell.submit(event);
  const isWaiting = () => state().backend.link.kind !== 'up';
  const watch = createClockWatch(clock, isWaiting, () => submit({ kind: 'clock-stepped' }));
  const onClockInDoubt = watch.start;
  const sender = createSender({
    ...{ clock, settings, transport, builtMs, state, submit, onClockInDoubt },
  });
  const refusals = createRefusals(clock, submit);
  const context = () => contextOf(settings, state().backend);
  const receive = createReceiver(log, dialect, context, submit, refusals.add);

  function open(): void {
    let wasFull = false;
    transport.open({
      receive,
      answeredId: dialect.answeredId,
      isFull: () => {
        wasFull = shell.isFull();
        return wasFull;
      },
      onRefused: refusals.add,
      onUp: () => submit({ kind: 'transport-up' }),
      onDown: (reason) => submit({ kind: 'transport-down', reason }),
      refusal: (code) => {
        const isBusy = code === 'busy';
        const number = isBusy ? errorCodes.busy : errorCodes.tooLarge;
        const reason = isBusy ? 'busy, send it again' : 'too large';
        return dialect.encodeRefusal('null', number, reason) ?? '';
      },
    });
    shell.onChange(() => {
      if (!wasFull || shell.isFull()) return;
      wasFull = false;
      transport.resume();
    });
  }

  async function renewPath(): Promise<Renewed> {
    if (transport.renewPath === undefined) {
      const reason = 'with a ws or wss rvi.url the node delivers on the connection of the agent';
      return { ok: false, code: 'no-path', reason };
    }
    if (settings.rvi.path !== 'secret') {
      const reason = 'rvi.path is a fixed path: change the configuration and restart the agent';
      return { ok: false, code: 'fixed-path', reason };
    }
    const renewed = await transport.renewPath();
    if (!renewed.ok) return { ok: false, code: 'path-not-renewed', reason: renewed.reason };
    log('info', 'path-renewed', {});
    await shell.submit({ kind: 'register-again' });
    return { ok: true, text: 'made a new delivery path; it is being registered' };
  }

  return {
    execute: sender.send,
    open,
    stop: () => {
      watch.stop();
      refusals.stop();
    },
    close: () => transport.close(),
    renewPath,
  };
}

/** Returns the entries of the inventory that the server can read. */
export function inventoryFilter({ rvi }: Settings) {
  return (packages: readonly PackageId[]) => readable(packages, rvi.inventory);
}

export function serverView(settings: Settings, state: RviAgentState, nowMs: number): ServerView {
  return viewOf(state, servicesOf(settings, state.backend), nowMs);
}

/** Returns the device's UUID, from the configuration or from the node. */
export function uuidOf({ device }: Settings, { backend }: RviAgentState): string | undefined {
  return deviceOf(device, backend.ownServices);
}
