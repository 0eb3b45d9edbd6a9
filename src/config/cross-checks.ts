// Checks of several keys together. An error means that the agent could not receive messages, or
// would act differently from what is written. A warning marks values that may be intended.
import { hostOf, isLoopback, protocolOf } from './addresses.ts';
import { error, warning } from './findings.ts';
import { installers } from './installers.ts';
import { ownAddress } from './own-address.ts';
import { paths } from './paths.ts';
import { ruleOrder } from './rule-order.ts';
import { weakerThanDefault } from './weaker.ts';
import type { Settings } from '../settings.ts';
import type { AgentSettings } from '../install/installers.ts';
import type { Finding } from './findings.ts';

/** `isGiven` returns true if the file or the environment sets the key. */
export function crossChecks(
  settings: AgentSettings,
  isGiven: (key: string) => boolean,
): readonly Finding[] {
  const protocol = protocolOf(settings.rvi.url);
  const ways = protocol.startsWith('ws') ? websocket(isGiven) : http(settings);
  return [
    ...ways,
    ...tls(settings, protocol, isGiven),
    ...installers(settings, isGiven),
    ...ruleOrder(settings, isGiven),
    ...paths(settings),
    ...timing(settings),
    ...weakerThanDefault(settings),
    ...policy(settings),
  ];
}

/** Over WebSocket, the node answers on the connection that the agent opened. */
function websocket(isGiven: (key: string) => boolean): readonly Finding[] {
  return ['rvi.listen', 'rvi.allowed_peers', 'rvi.network_address', 'rvi.path']
    .filter(isGiven)
    .map((key) =>
      error(key, 'has no effect with a ws or wss rvi.url', 'remove it, or set an http rvi.url'),
    );
}

const wildcards = ['0.0.0.0', '::'];

function http(settings: Settings): readonly Finding[] {
  const { url, listen, networkAddress, nodeDialect } = settings.rvi;
  const found: Finding[] = [...ownAddress(settings)];
  if (nodeDialect !== 'jsonrpc') {
    const hint = 'remove it, or set a ws or wss rvi.url';
    found.push(error('rvi.node_dialect', `is "${nodeDialect}" with an http rvi.url`, hint));
  }
  if (networkAddress !== undefined) return found;
  const hint = 'set rvi.network_address to the address at which the node reaches this device';
  if (wildcards.includes(listen.host)) {
    found.push(error('rvi.listen', 'is a wildcard address, at which no node can deliver', hint));
  } else if (listen.host.includes(':')) {
    found.push(error('rvi.listen', 'is an IPv6 literal, which nodes cannot read', hint));
  } else if (isLoopback(listen.host) && !isLoopback(hostOf(url))) {
    const problem = `is on loopback, which the node at ${hostOf(url)} cannot reach`;
    found.push(warning('rvi.listen', problem, `listen on another address, or ${hint}`));
  }
  return found;
}

function tls(
  settings: Settings,
  protocol: string,
  isGiven: (key: string) => boolean,
): readonly Finding[] {
  if (protocol !== 'https:' && protocol !== 'wss:') {
    const hint = 'remove it, or set an https or wss rvi.url';
    return ['rvi.tls_ca', 'rvi.tls_cert', 'rvi.tls_key']
      .filter(isGiven)
      .map((key) => error(key, `has no effect with ${protocol}//, which is not encrypted`, hint));
  }
  const { cert, key } = settings.rvi.tls;
  if ((cert === undefined) === (key === undefined)) return [];
  const [given, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
  return [error(`rvi.tls_${given}`, `is set without rvi.tls_${missing}`, 'set both, or none')];
}

function policy({ policy: { consent, dependencies } }: Settings): readonly Finding[] {
  if (consent === 'automatic' || dependencies === 'ask') return [];
  const problem =
    'is "accept": while an accepted package is in progress, the server can install any other';
  const hint = 'remove it, so that dependencies need consent as well';
  return [warning('policy.dependencies', problem, hint)];
}

/** After 30 s without an ack, servers repeat the last chunk (protocol 2.4). */
const serverRepeatsMs = 30_000;

function timing(settings: Settings): readonly Finding[] {
  if (settings.rvi.stallTimeoutMs < serverRepeatsMs) return [];
  const problem = 'is not below 30 s, after which servers repeat the last chunk on their own';
  return [warning('rvi.stall_timeout', problem, 'set it to 10: a lost ack then costs less time')];
}
