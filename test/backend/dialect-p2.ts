// The dialect of March to June 2016 (protocol 2.2): each notify has one update with an id; the
// vehicle still has its VIN. A report lists results of operations, each with a number.
import { createHash } from 'node:crypto';
import { bodyOfVin, chunksOf, idsOf, isBody, namesServices } from './dialect.ts';
import { totalBytes } from './package.ts';
import type { Body, Dialect, Grammar, Key, Report } from './dialect.ts';
import type { PackageId } from './package.ts';

export const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function createP2(grammar: Grammar): Dialect {
  return createUpdates(grammar, bodyOfVin, () => true);
}

/**
 * `bodyOf`: decodes a message that names the device correctly; `isOperation`: an id of a result.
 */
export function createUpdates(
  grammar: Grammar,
  bodyOf: (parameters: unknown) => Body | undefined,
  isOperation: (id: string) => boolean,
): Dialect {
  return {
    keyOf: updateIdOf,
    keyOfNeeded: (key) => key,
    notify: (campaigns, services) =>
      campaigns.map(({ key, one, isConfirmationWanted }) => ({
        update_available: {
          update_id: key,
          signature: signatureOf(key),
          description: `${one.id.name} ${one.id.version}`,
          request_confirmation: isConfirmationWanted,
          size: totalBytes(one),
        },
        services,
      })),
    start: (key, { checksum, chunksCount }) => ({
      update_id: key,
      checksum,
      chunkscount: chunksCount,
    }),
    chunk: (key, one, index) => ({ update_id: key, bytes: one.chunk(index), index }),
    finish: (key) => ({ update_id: key, signature: signatureOf(key) }),

    decodeStart(parameters) {
      const body = bodyOf(parameters);
      const key = keyIn(body);
      return key === undefined || !namesServices(body, grammar) ? undefined : [key];
    },

    decodeAck(parameters) {
      const body = bodyOf(parameters);
      const key = keyIn(body);
      const chunks = chunksOf(body);
      return key === undefined || chunks === undefined ? undefined : { key, chunks };
    },

    decodeReport: (parameters) => reportOf(bodyOf(parameters)?.['update_report'], isOperation),

    /** The resolver gets it unchanged, and reads `packages` and `firmware` (protocol 2.3). */
    decodePackages(parameters) {
      const software = bodyOf(parameters)?.['installed_software'];
      if (!isBody(software) || !Array.isArray(software['firmware'])) return undefined;
      return idsOf(software['packages'], grammar);
    },
  };
}

/** In the simulator the update id is already the name of the package. */
function updateIdOf({ name, version }: PackageId, campaignsBefore: number): Key {
  if (uuid.test(name)) return name;
  const digest = createHash('sha1').update(`${name} ${version} ${campaignsBefore}`).digest('hex');
  return digest.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
}

export const signatureOf = (key: Key) => `signature of ${key}`;

function keyIn(body: Body | undefined): Key | undefined {
  const key = body?.['update_id'];
  return typeof key === 'string' && uuid.test(key) ? key : undefined;
}

/** Installed if each operation is done (0), or was done before (1) (protocol 2.3). */
function reportOf(value: unknown, isOperation: (id: string) => boolean): Report | undefined {
  if (!isBody(value)) return undefined;
  const key = keyIn(value);
  const listed: unknown = value['operation_results'];
  if (key === undefined || !Array.isArray(listed)) return undefined;
  const results = listed.filter((one) => isBody(one)).map((one) => resultOf(one));
  const isSound = results.every(
    (one) => one !== undefined && isOperation(one.id) && one.code >= 0 && one.code <= 19,
  );
  if (results.length !== listed.length || !isSound) return undefined;
  return {
    key,
    status: results.every((one) => one !== undefined && one.code <= 1),
    text: results.map((one) => one?.text).join('; '),
  };
}

function resultOf({ id, result_code: code, result_text: text }: Body) {
  if (typeof id !== 'string' || typeof text !== 'string') return undefined;
  return typeof code === 'number' && Number.isInteger(code) ? { id, code, text } : undefined;
}
