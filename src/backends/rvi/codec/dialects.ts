// The message dialects by name, and which one to use with a server. A received message shows P1, or
// one of P2 and P3; these two differ only in how they identify the vehicle (protocol 1.2, 2.3).
import { member } from '../../../schema.ts';
import { p1 } from './packages-by-vin.ts';
import { isUpdate, offerNames, p2 } from './updates-by-vin.ts';
import { p3 } from './updates-by-device.ts';
import type { Message, MessageDialect, ServiceNames } from '../messages.ts';
import type { Settings } from '../settings.ts';
import type { Dialect } from './dialect.ts';
import type { JsonObject } from '../../../schema.ts';

export const dialects: { readonly [name in MessageDialect]: Dialect } = { P1: p1, P2: p2, P3: p3 };

/** Everything that can show which dialect a server uses. */
export type DialectContext = {
  readonly messages: Settings['rvi']['serverDialect'];
  readonly device: Settings['device'];
  /** The dialect that the server was found to use. */
  readonly learned: MessageDialect | undefined;
  /** Undefined until the node has answered a registration. */
  readonly names: ServiceNames | undefined;
};

export function dialectOfRequest(body: JsonObject, hints: DialectContext): MessageDialect {
  if (hints.messages !== 'auto') return hints.messages;
  const isUpdates = ['update_id', ...offerNames].some((name) => member(body, name) !== undefined);
  return isUpdates ? ofUpdates(hints) : 'P1';
}

/** Before the first answer to a registration, P2 and P3 may look the same. */
export function isDialectKnown(
  dialect: MessageDialect,
  { messages, learned, names }: DialectContext,
): boolean {
  return dialect === 'P1' || messages !== 'auto' || names !== undefined || learned === dialect;
}

/** A package keeps the dialect of its offer, whatever is learned or configured later. */
export function dialectOfMessage(message: Message, hints: DialectContext): MessageDialect {
  const { messages, learned, names } = hints;
  if (message.kind === 'packages') {
    if (messages !== 'auto') return messages;
    return learned ?? (prefixKind(names) === 'device' ? 'P3' : 'P1');
  }
  const id = message.kind === 'report' ? message.report.id : message.id;
  return isUpdate(id) ? ofUpdates(hints) : 'P1';
}

function ofUpdates({ messages, device, learned, names }: DialectContext): 'P2' | 'P3' {
  if (messages === 'P2' || messages === 'P3') return messages;
  const kind = prefixKind(names);
  if (kind === 'device') return 'P3';
  if (kind === 'vin') return 'P2';
  if (learned === 'P2' || learned === 'P3') return learned;
  return deviceOf(device, names) === undefined ? 'P2' : 'P3';
}

const uuid = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

const partsOf = (name: string) => name.split('/').filter((part) => part !== '');

/** `genivi.org/vin/<VIN>/…` or `genivi.org/device/<UUID>/…`; operators may configure others. */
function prefixKind(names: ServiceNames | undefined): 'vin' | 'device' | undefined {
  const parts = partsOf(names?.start ?? '');
  return (['device', 'vin'] as const).find((kind) => parts.includes(kind));
}

/** Returns the UUID of this device: the configured one, or else that in the service prefix. */
export function deviceOf(
  device: Settings['device'],
  names: ServiceNames | undefined,
): string | undefined {
  return device.uuid ?? partsOf(names?.start ?? '').find((part) => uuid.test(part));
}

export type Vehicle =
  | { readonly ok: true; readonly vehicle: string }
  | { readonly ok: false; readonly reason: string };

/** Returns the VIN or UUID for the dialect: servers ignore a message without it. */
export function vehicleIn(
  dialect: MessageDialect,
  hints: DialectContext,
  vin: string | undefined,
): Vehicle {
  const vehicle = dialect === 'P3' ? deviceOf(hints.device, hints.names) : vin;
  if (vehicle !== undefined) return { ok: true, vehicle };
  const [what, key] = dialect === 'P3' ? ['UUID of the device', 'uuid'] : ['VIN', 'vin'];
  const reason = `no ${what}: set [device] ${key}, or name it in the node service prefix`;
  return { ok: false, reason };
}
