// The state in one line, for the status text of the service manager.
import type { PackageStatus, Status } from './status.ts';

export function summary({ link, packages, storageError }: Status): string {
  const linked = link.kind === 'down' ? `no link: ${link.detail}` : link.detail;
  const storage = storageError === undefined ? [] : [`storage: ${storageError}`];
  return [linked, ...storage, ...packages.map(packageIn)].join('; ');
}

function packageIn({ id, phase, chunksHeld, chunksCount, installPercent }: PackageStatus): string {
  const done = phase === 'receiving' ? ` ${chunksHeld}/${chunksCount}` : '';
  const percent = installPercent === undefined ? '' : ` ${installPercent} %`;
  return `${id.name} ${id.version} ${phase}${done}${percent}`;
}
