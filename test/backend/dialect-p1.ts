// The dialect of the first servers, October 2015 to March 2016 (protocol 2.1). Each field is
// required, unknown fields are ignored, and one bad entry invalidates the whole message.
import { bodyOfVin, chunksOf, idOf, idsOf, namesServices } from './dialect.ts';
import { totalBytes } from './package.ts';
import type { Dialect, Grammar, Key } from './dialect.ts';
import type { PackageId } from './package.ts';

const keyOf = ({ name, version }: PackageId): Key => `${name} ${version}`;

export function createP1(grammar: Grammar): Dialect {
  return {
    keyOf,
    keyOfNeeded: (_, id) => keyOf(id),
    notify: (campaigns, services) => [
      {
        packages: campaigns.map(({ one }) => ({ package: one.id, size: totalBytes(one) })),
        services,
      },
    ],
    start: (_, { id, checksum, chunksCount }) => ({
      package: id,
      checksum,
      chunkscount: chunksCount,
    }),
    chunk: (_, one, index) => ({ package: one.id, index, bytes: one.chunk(index) }),
    finish: (_, { id }) => ({ package: id }),

    decodeStart(parameters) {
      const body = bodyOfVin(parameters);
      if (!namesServices(body, grammar)) return undefined;
      return idsOf(body?.['packages'], grammar)?.map(keyOf);
    },

    decodeAck(parameters) {
      const body = bodyOfVin(parameters);
      const id = idOf(body?.['package'], grammar);
      const chunks = chunksOf(body);
      return id === undefined || chunks === undefined ? undefined : { key: keyOf(id), chunks };
    },

    decodeReport(parameters) {
      const body = bodyOfVin(parameters);
      const id = idOf(body?.['package'], grammar);
      const [status, text] = [body?.['status'], body?.['description']];
      if (typeof status !== 'boolean' || typeof text !== 'string') return undefined;
      return id === undefined ? undefined : { key: keyOf(id), status, text };
    },

    decodePackages: (parameters) => idsOf(bodyOfVin(parameters)?.['packages'], grammar),
  };
}
