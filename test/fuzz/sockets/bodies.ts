// Messages of all dialects with the mutations of the in-process fuzzer. Orders of a node are left
// out if they would end or redirect the transfer that must finish.
import { mutated } from '../mutate.ts';
import { callOf, dialectNames, messageOf } from '../session.ts';
import { spell } from '../tree.ts';
import { isOrder, requestOf } from '../target-agent.ts';
import type { Prng } from '../../support/prng.ts';

const harmless = Buffer.from(JSON.stringify(callOf(1, 'getpackages', null)));

export function bodyOf(prng: Prng): Buffer {
  const tree = messageOf(prng, prng.pick(dialectNames), false);
  const data = prng.chance(0.2) ? Buffer.from(spell(tree)) : mutated(prng, tree);
  return isOrder(data) || isDiversion(data) ? harmless : data;
}

/** The services of a notify are valid for all later messages. */
function isDiversion(data: Buffer): boolean {
  const request = requestOf(data);
  return request?.kind === 'notify' && request.services !== undefined;
}

/** A list of 10^6 packages, far above the size limit of a message. */
export function millionNotify(): Buffer {
  const one = '{"package":{"name":"evil-1","version":"1.0"},"size":1}';
  const list = `${`${one},`.repeat(999_999)}${one}`;
  const head =
    '{"jsonrpc":"2.0","id":1,"method":"message","params":{"service_name":"/sota/notify",';
  return Buffer.from(`${head}"parameters":[{"packages":[${list}]}]}}`);
}
