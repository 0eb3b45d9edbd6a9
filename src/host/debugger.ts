// Keeps Node's debugger closed. On SIGUSR1 a Node listens on 127.0.0.1:9229, and every local user
// may then run code in the agent. The executables of Node 24 get `--disable-sigusr1`; a Node that
// runs the script may be too old for it. Imported before everything else, because only a handler
// that is installed takes the signal away from the debugger.
import { close, url } from 'node:inspector';
import process from 'node:process';

/** Node emits it in the moment in which its debugger was opened, whatever opened it. */
const openedEvent = 'internalMessage';

process.on('SIGUSR1', () => undefined);
if (!process.execArgv.includes('--disable-sigusr1')) {
  const emitter: NodeJS.EventEmitter = process;
  emitter.on(openedEvent, closeDebugger);
  // A signal that came before the handler.
  closeDebugger();
}

function closeDebugger(): void {
  if (url() !== undefined) close();
}
