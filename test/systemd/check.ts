// Prints one line for each check; a failed check sets the exit code.
import process from 'node:process';

export function check(what: string, isSo: boolean, found: string): void {
  console.log(`${isSo ? 'ok  ' : 'FAIL'}  ${what}${isSo ? '' : `:\n${found}`}`);
  if (!isSo) process.exitCode = 1;
}

export function done(what: string): void {
  check(what, true, '');
}

/** The most frequent query of the unit. */
export const show = 'systemctl show sota-agent -p ActiveState,StatusText,MainPID,NRestarts';
