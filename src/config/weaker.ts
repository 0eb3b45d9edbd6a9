// Warnings of settings that are weaker than the default. An operator may have reasons for them, so
// they work; `run` and `config` print the warnings. Those of the installers are in `installers.ts`.
import { isLoopback, hostOf, protocolOf } from './addresses.ts';
import { warning } from './findings.ts';
import type { Settings } from '../settings.ts';
import type { Finding } from './findings.ts';

export function weakerThanDefault(settings: Settings): readonly Finding[] {
  const isHttp = /^https?:$/.test(protocolOf(settings.rvi.url));
  return [...(isHttp ? listener(settings) : []), ...link(settings), ...local(settings)];
}

/** RVI has no authentication: each sender that reaches the listener can deliver. */
function listener({ rvi }: Settings): readonly Finding[] {
  const { listen, allowedPeers, path } = rvi;
  const found: Finding[] = [];
  if (!isLoopback(listen.host) && allowedPeers.length === 0) {
    const problem = 'accepts every sender that reaches it: RVI has no authentication there';
    found.push(
      warning('rvi.listen', problem, 'set rvi.allowed_peers to the addresses of the node'),
    );
  }
  const all = allowedPeers.find((network) => /\/0+$/.test(network));
  if (all !== undefined) {
    const problem = `contains ${all}, which allows every address`;
    found.push(warning('rvi.allowed_peers', problem, 'list only the addresses of the node'));
  }
  if (path !== 'secret') {
    const problem = 'is fixed, so it can be guessed; the default "secret" is stronger';
    found.push(warning('rvi.path', problem, 'remove it, unless the node cannot keep a path'));
  }
  return found;
}

function link({ rvi }: Settings): readonly Finding[] {
  const found: Finding[] = [];
  const protocol = protocolOf(rvi.url);
  const host = hostOf(rvi.url);
  if (/^(http|ws):$/.test(protocol) && !isLoopback(host)) {
    const problem =
      `is ${protocol}// to ${host}, which is not this device: the connection is not ` +
      'encrypted, and the node is not authenticated';
    const secure = protocol === 'http:' ? 'https' : 'wss';
    found.push(warning('rvi.url', problem, `use ${secure} and rvi.tls_ca`));
  }
  const { proxy } = rvi;
  const hasSecret = proxy?.authorization !== undefined;
  if (hasSecret && !proxy.isSecure && !isLoopback(proxy.host)) {
    const problem = 'sends its password unencrypted';
    found.push(warning('rvi.proxy', problem, 'use an https URL of the proxy'));
  }
  return found;
}

function local({ control }: Settings): readonly Finding[] {
  const found: Finding[] = [];
  if (control.group !== undefined) {
    const problem = `lets every member of the group "${control.group}" accept and decline packages`;
    found.push(warning('control.group', problem, 'remove it if only the owner may do so'));
  }
  return found;
}
