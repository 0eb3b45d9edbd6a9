// What a server can read of a list of packages: one bad entry costs the whole list, in silence
// (protocol 2.1 and 5.17). Names are fixed in all servers; versions are a setting of theirs, three
// numbers by default.
import type { PackageId } from '../../../core/model.ts';

const readableName = /^[A-Za-z0-9._+-]{1,100}$/;
const usualVersion = /^[0-9]+\.[0-9]+\.[0-9]+$/;

export type PackageList = {
  readonly reported: readonly PackageId[];
  readonly omitted: readonly PackageId[];
};

/** `strict`: for a server that has kept its default grammar of versions. */
export function readable(packages: readonly PackageId[], list: 'all' | 'strict'): PackageList {
  const isTold = ({ name, version }: PackageId) =>
    readableName.test(name) && (list === 'all' || usualVersion.test(version));
  return {
    reported: packages.filter(isTold),
    omitted: packages.filter((one) => !isTold(one)),
  };
}
