// The addresses and networks of the configuration from which the listener accepts connections.
import { BlockList, isIP } from 'node:net';

export function networksOf(allow: readonly string[]): BlockList {
  const list = new BlockList();
  for (const one of allow) {
    const [address = '', bits] = one.split('/');
    const family = familyOf(address);
    list.addSubnet(address, Number(bits ?? (family === 'ipv4' ? 32 : 128)), family);
  }
  return list;
}

/** A listener on `::` sees IPv4 peers as `::ffff:10.0.0.1`, and local ones as `fe80::1%eth0`. */
export function isAllowed(networks: BlockList, peer: string): boolean {
  const address = peer.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  return isIP(address) !== 0 && networks.check(address, familyOf(address));
}

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
