// The environment of every program that an installer runs: nothing is inherited (README, "What
// programs are given").
import type { InstallRequest } from './installer.ts';

export const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C',
} as const;

type About = { readonly [name: string]: string };

/** What a program is told of a package; only some servers give it a signature and a description. */
export function aboutOf({ id, update }: Pick<InstallRequest, 'id' | 'update'>): About {
  const about = { SOTA_PACKAGE_NAME: id.name, SOTA_PACKAGE_VERSION: id.version };
  if (update === undefined) return about;
  const { signature, description } = update;
  return { ...about, SOTA_PACKAGE_SIGNATURE: signature, SOTA_PACKAGE_DESCRIPTION: description };
}
