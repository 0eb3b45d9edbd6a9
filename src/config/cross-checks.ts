// Keys that are each right and do not go together. An error would leave the agent deaf or do
// other than what was written; a warning is what may be meant that way.
import { hostOf, isLoopback, protocolOf } from './addresses.ts';
import { error, warning } from './findings.ts';
import { installers } from './installers.ts';
import { ownAddress } from './own-address.ts';
import { paths } from './paths.ts';
import { ruleOrder } from './rule-order.ts';
import { weakerThanDefault } from './weaker.ts';
import type { Settings } from '../core/settings.ts';
import type { Finding } from './findings.ts';

/** `isGiven`: by the file or the environment, not by default. */
export function relations(
  settings: Settings,
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

/** The node answers on the connection that we opened. */
function websocket(isGiven: (key: string) => boolean): readonly Finding[] {
  return ['rvi.listen', 'rvi.allow', 'rvi.network_address', 'rvi.path']
    .filter(isGiven)
    .map((key) =>
      error(key, 'has no use with a ws or wss rvi.url', 'leave it out, or give an http rvi.url'),
    );
}

const wildcards = ['0.0.0.0', '::'];

function http(settings: Settings): readonly Finding[] {
  const { url, listen, networkAddress, dialect } = settings.rvi;
  const found: Finding[] = [...ownAddress(settings)];
  if (dialect !== 'jsonrpc') {
    const mend = 'give a ws or wss rvi.url, or leave it out';
    found.push(error('rvi.dialect', `is "${dialect}" with an http rvi.url`, mend));
  }
  if (networkAddress !== undefined) return found;
  const mend = 'give rvi.network_address, the address of this device as the node sees it';
  if (wildcards.includes(listen.host)) {
    found.push(error('rvi.listen', 'is a wildcard, at which no node can deliver', mend));
  } else if (listen.host.includes(':')) {
    found.push(error('rvi.listen', 'is an IPv6 literal, which nodes cannot read', mend));
  } else if (isLoopback(listen.host) && !isLoopback(hostOf(url))) {
    const problem = `is on loopback, where the node at ${hostOf(url)} cannot deliver`;
    found.push(warning('rvi.listen', problem, `listen on another address, or ${mend}`));
  }
  return found;
}

function tls(
  settings: Settings,
  protocol: string,
  isGiven: (key: string) => boolean,
): readonly Finding[] {
  if (protocol !== 'https:' && protocol !== 'wss:') {
    const mend = 'give an https or wss rvi.url, or leave it out';
    return ['rvi.tls_ca', 'rvi.tls_cert', 'rvi.tls_key']
      .filter(isGiven)
      .map((key) => error(key, `has no use with ${protocol}//, which is not encrypted`, mend));
  }
  const { cert, key } = settings.rvi.tls;
  if ((cert === undefined) === (key === undefined)) return [];
  const [given, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
  return [error(`rvi.tls_${given}`, `is given without rvi.tls_${missing}`, 'give both, or none')];
}

function policy({ policy: { accept, dependencies } }: Settings): readonly Finding[] {
  if (accept === 'auto' || dependencies === 'ask') return [];
  const problem =
    'is "accept": while an accepted package is under way, the server can install any other one';
  const mend = 'leave it out, so that a person is asked for dependencies as well';
  return [warning('policy.dependencies', problem, mend)];
}

/** Servers repeat the last chunk after 30 s of silence by themselves (protocol 2.4). */
const serverRepeatsMs = 30_000;

function timing(settings: Settings): readonly Finding[] {
  if (settings.rvi.stallMs < serverRepeatsMs) return [];
  const problem = 'is not below 30 s, after which servers repeat the last chunk by themselves';
  return [warning('rvi.stall', problem, 'a lost ack costs less time with 10')];
}
