// Filters the inventory for a server: one invalid entry makes the server drop the whole list,
// without an error (protocol 2.1 and 5.17). All servers use the same grammar of names. The grammar
// of versions is a setting of the server; the default is three numbers.
import type { PackageId } from '../../../core/model.ts';

const readableName = /^[A-Za-z0-9._+-]{1,100}$/;
const usualVersion = /^[0-9]+\.[0-9]+\.[0-9]+$/;

export type PackageList = {
  readonly reported: readonly PackageId[];
  readonly omitted: readonly PackageId[];
};

/** `strict`: for a server with the default grammar of versions. */
export function readable(packages: readonly PackageId[], list: 'all' | 'strict'): PackageList {
  const isTold = ({ name, version }: PackageId) =>
    readableName.test(name) && (list === 'all' || usualVersion.test(version));
  return {
    reported: packages.filter(isTold),
    omitted: packages.filter((one) => !isTold(one)),
  };
}
