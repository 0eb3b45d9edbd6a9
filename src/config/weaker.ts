// Settings that are weaker than the default. Each is a choice that an operator may have reasons
// for, so each works, and is warned of at the start and by `config`. Those of the installers stand
// in `installers.ts`.
import { isLoopback, hostOf, protocolOf } from './addresses.ts';
import { warning } from './findings.ts';
import type { Settings } from '../core/settings.ts';
import type { Finding } from './findings.ts';

export function weakerThanDefault(settings: Settings): readonly Finding[] {
  const isHttp = /^https?:$/.test(protocolOf(settings.rvi.url));
  return [...(isHttp ? listener(settings) : []), ...link(settings), ...local(settings)];
}

/** What reaches the listener is the only sender that RVI knows. */
function listener({ rvi }: Settings): readonly Finding[] {
  const { listen, allow, path } = rvi;
  const found: Finding[] = [];
  if (!isLoopback(listen.host) && allow.length === 0) {
    const problem = 'is open to everybody who reaches it: RVI has no other guard there';
    found.push(warning('rvi.listen', problem, 'give rvi.allow, the addresses of the node'));
  }
  const all = allow.find((network) => /\/0+$/.test(network));
  if (all !== undefined) {
    const problem = `contains ${all}, which allows every address`;
    found.push(warning('rvi.allow', problem, 'list only the addresses of the node'));
  }
  if (path !== 'secret') {
    const problem = 'is fixed, which is weaker than the default "secret": it can be guessed';
    found.push(warning('rvi.path', problem, 'leave it out, unless the node cannot keep a path'));
  }
  return found;
}

function link({ rvi }: Settings): readonly Finding[] {
  const found: Finding[] = [];
  const protocol = protocolOf(rvi.url);
  const host = hostOf(rvi.url);
  if (/^(http|ws):$/.test(protocol) && !isLoopback(host)) {
    const problem =
      `is ${protocol}// to ${host}, which is not this device: nothing is encrypted, and nothing ` +
      'proves that it is the node';
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
    found.push(warning('control.group', problem, 'leave it out if only the owner may'));
  }
  return found;
}
