// Decides which requests the listener accepts: at which paths, for which hosts, and only after the
// agent has sent a registration. Also builds the address that the agent registers.
import { oldPathMs, oldPathsMax } from '../../../limits.ts';
import { refusalOf } from './delivery-check.ts';
import { isSamePath } from './delivery-path.ts';
import type { Clock, DiskResult } from '../../../host/ports.ts';
import type { RequestHead } from './delivery-check.ts';
import type { DeliveryPaths } from './delivery-path.ts';
import type { Registration } from './transport.ts';

export type GateOptions = {
  readonly listen: { readonly host: string; readonly port: number };
  /** The configured host:port or URL, which may have a path; undefined: `listen`. */
  readonly networkAddress: string | undefined;
  readonly paths: DeliveryPaths;
};

export type DeliveryGate = {
  /** Reads the path. Must be called first. */
  open(): Promise<void>;
  /** Sets the port that the listener got, because the configured one may be 0. */
  bound(port: number): void;
  /** Returns the `network_address` for `register_service`. */
  address(): string;
  /** Returns why the request is rejected; undefined if it is accepted. */
  refusal(head: RequestHead): string | undefined;
  /** To be called after each call to the node, which may deliver before it answers. */
  sent(): void;
  /** To be called when a call failed. */
  failed(): void;
  registration(answer: Registration, address: string | undefined): void;
  renew(): Promise<DiskResult<void>>;
  close(): void;
};

type Place = { readonly prefix: string; readonly hosts: readonly string[] };

export function createDeliveryGate(clock: Clock, options: GateOptions): DeliveryGate {
  const { listen, networkAddress, paths } = options;
  const { prefix, hosts } = placeOf(options);
  let { port } = listen;
  let path = '/';
  /** Earlier paths at which the node may still deliver. */
  let earlier: readonly string[] = [];
  let isSent = false;
  let isRegistered = false;
  let isRenewing = false;
  let cancel: () => void = () => undefined;

  /** A proxy in front of the agent may keep or remove the prefix of the path. */
  function isPath(target: string): boolean {
    const taken = [path, ...earlier].flatMap((one) => [one, ...(prefix ? [prefix + one] : [])]);
    return taken.reduce((found, one) => isSamePath(target, one) || found, false);
  }

  function refusal(head: RequestHead): string | undefined {
    const ports = [port, networkAddress === undefined ? port : portOf(networkAddress)];
    const reason = refusalOf(head, { hosts, ports, isPath });
    if (reason !== undefined || isRegistered || isSent) return reason;
    return 'no service is registered yet';
  }

  function failed(): void {
    if (!isRegistered) isSent = false;
  }

  function address(): string {
    const base = networkAddress ?? `http://${bracketed(listen.host)}:${port}`;
    if (path === '/') return base;
    return `${base.includes('://') ? '' : 'http://'}${base.replace(/\/+$/, '')}${path}`;
  }

  function registration(answer: Registration, registered: string | undefined): void {
    if (answer === 'refused') return failed();
    isRegistered = true;
    if (answer !== 'complete' || registered !== address() || earlier.length === 0) return;
    const over = earlier;
    cancel();
    // Deliveries to the earlier path may still be in transit.
    cancel = clock.after(oldPathMs, () => {
      earlier = earlier.filter((one) => !over.includes(one));
    });
  }

  async function renew(): Promise<DiskResult<void>> {
    // Two renewals at the same time would write the same file.
    if (isRenewing) return { ok: false, code: 'busy', reason: 'the path is being renewed' };
    if (earlier.length >= oldPathsMax) {
      const reason = `${oldPathsMax} earlier paths are still in use: wait until the node answers`;
      return { ok: false, code: 'busy', reason };
    }
    isRenewing = true;
    const renewed = await paths.renew();
    isRenewing = false;
    if (!renewed.ok) return renewed;
    earlier = [...earlier, path];
    path = renewed.value;
    return { ok: true, value: undefined };
  }

  return {
    open: async () => void (path = await paths.open()),
    bound: (given) => void (port = given),
    address,
    refusal,
    sent: () => void (isSent = true),
    failed,
    registration,
    renew,
    close: () => cancel(),
  };
}

const wildcards = ['0.0.0.0', '::'];

function placeOf({ listen, networkAddress }: GateOptions): Place {
  const own = wildcards.includes(listen.host) ? [] : namesOf(listen.host);
  const url = networkAddress === undefined ? undefined : urlOf(networkAddress);
  const named = url === undefined ? [] : [url.hostname];
  const prefix = url?.pathname.replace(/\/+$/, '') ?? '';
  return { prefix, hosts: [...own, ...named] };
}

/** Returns the host as configured and as a URL parser writes it. */
function namesOf(host: string): readonly string[] {
  const name = bracketed(host).toLowerCase();
  const url = `http://${name}`;
  return URL.canParse(url) ? [name, new URL(url).hostname] : [name];
}

const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host);

function urlOf(address: string): URL {
  return new URL(address.includes('://') ? address : `http://${address}`);
}

function portOf(address: string): number {
  const { port, protocol } = urlOf(address);
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}
