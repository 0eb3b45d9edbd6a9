// The dialect of the seed, October 2015 to March 2016 (protocol 2.1). Each field is required,
// unknown ones are ignored, and one bad entry spoils the whole message.
import { headOf, isBody } from './dialect.ts';
import type { Body, Dialect, Grammar, Key } from './dialect.ts';
import type { PackageId } from './package.ts';

const keyOf = ({ name, version }: PackageId): Key => `${name} ${version}`;

export function createP1(grammar: Grammar): Dialect {
  function idOf(value: unknown): PackageId | undefined {
    if (!isBody(value)) return undefined;
    const { name, version } = value;
    if (typeof name !== 'string' || typeof version !== 'string') return undefined;
    return grammar.name.test(name) && grammar.version.test(version) ? { name, version } : undefined;
  }

  function idsOf(value: unknown): readonly PackageId[] | undefined {
    if (!Array.isArray(value)) return undefined;
    const ids = value.map(idOf).filter((id) => id !== undefined);
    return ids.length === value.length ? ids : undefined;
  }

  return {
    keyOf,
    notify: (packages, services) => ({
      packages: packages.map(({ id, sizeBytes }) => ({ package: id, size: sizeBytes })),
      services,
    }),
    start: ({ id, checksum, chunksCount }) => ({ package: id, checksum, chunkscount: chunksCount }),
    chunk: (one, index) => ({ package: one.id, index, bytes: one.chunk(index) }),
    finish: ({ id }) => ({ package: id }),

    decodeStart(parameters) {
      const body = bodyOf(parameters);
      const services = body?.['services'];
      if (!isBody(services)) return undefined;
      const isComplete = grammar.services.every((name) => typeof services[name] === 'string');
      return isComplete ? idsOf(body?.['packages'])?.map(keyOf) : undefined;
    },

    decodeAck(parameters) {
      const body = bodyOf(parameters);
      const id = idOf(body?.['package']);
      const listed: unknown = body?.['chunks'];
      if (id === undefined || !Array.isArray(listed)) return undefined;
      const chunks = listed.filter((chunk) => Number.isInteger(chunk)).map(Number);
      return chunks.length === listed.length ? { key: keyOf(id), chunks } : undefined;
    },

    decodeReport(parameters) {
      const body = bodyOf(parameters);
      const id = idOf(body?.['package']);
      const [status, text] = [body?.['status'], body?.['description']];
      if (typeof status !== 'boolean' || typeof text !== 'string') return undefined;
      return id === undefined ? undefined : { key: keyOf(id), status, text };
    },

    decodePackages: (parameters) => idsOf(bodyOf(parameters)?.['packages']),
  };
}

/** Every message names the vehicle, by 17 letters and digits. */
function bodyOf(parameters: unknown): Body | undefined {
  const body = headOf(parameters);
  const vin = body?.['vin'];
  return typeof vin === 'string' && /^[A-Za-z0-9]{17}$/.test(vin) ? body : undefined;
}
