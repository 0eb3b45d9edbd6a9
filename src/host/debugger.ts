// Keeps Node's debugger closed. On SIGUSR1 Node listens on 127.0.0.1:9229, and each local user can
// then run code in the agent. The executables with Node 24 have `--disable-sigusr1`; another Node
// may not support it. This module is imported first, because only an installed handler keeps the
// signal from the debugger.
import { close, url } from 'node:inspector';
import process from 'node:process';

/** Node emits this event when its debugger was opened, for any reason. */
const openedEvent = 'internalMessage';

process.on('SIGUSR1', () => undefined);
if (!process.execArgv.includes('--disable-sigusr1')) {
  const emitter: NodeJS.EventEmitter = process;
  emitter.on(openedEvent, closeDebugger);
  // The signal may have arrived before the handler was installed.
  closeDebugger();
}

function closeDebugger(): void {
  if (url() !== undefined) close();
}
