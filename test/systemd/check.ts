// Each line is something that was looked at.
import process from 'node:process';

export function check(what: string, isSo: boolean, found: string): void {
  console.log(`${isSo ? 'ok  ' : 'FAIL'}  ${what}${isSo ? '' : `:\n${found}`}`);
  if (!isSo) process.exitCode = 1;
}

export function done(what: string): void {
  check(what, true, '');
}

/** What the unit is asked for most. */
export const show = 'systemctl show sota-agent -p ActiveState,StatusText,MainPID,NRestarts';
