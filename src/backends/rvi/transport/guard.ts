// No exception leaves a transport: each handler that Node calls is guarded, and its exception
// becomes a failure of the call or of the connection.
import { asError, internal } from './errors.ts';
import type { Log } from '../../../host/ports.ts';
import type { Transport } from './transport.ts';

export function guarded<T extends readonly unknown[]>(
  act: (...given: T) => void,
  onThrow: (error: Error) => void,
): (...given: T) => void {
  return (...given) => {
    try {
      act(...given);
    } catch (thrown) {
      onThrow(asError(thrown));
    }
  };
}

/** Guards all functions of a transport. */
export function guardTransport(transport: Transport, where: string, log: Log): Transport {
  const report = (error: Error) => {
    log('error', 'transport-failed', { reason: internal(error, where).reason });
  };
  const { onRegistration, renewPath } = transport;
  return {
    open: (handlers) => {
      guarded(transport.open, (error) => {
        report(error);
        handlers.onDown(internal(error, where).reason);
      })(handlers);
    },
    call: async (call) => {
      try {
        return await transport.call(call);
      } catch (thrown) {
        return internal(asError(thrown), where);
      }
    },
    resume: guarded(transport.resume, report),
    get networkAddress() {
      return transport.networkAddress;
    },
    ...(onRegistration === undefined ? {} : { onRegistration: guarded(onRegistration, report) }),
    ...(renewPath === undefined ? {} : { renewPath }),
    close: async () => {
      try {
        await transport.close();
      } catch (thrown) {
        report(asError(thrown));
      }
    },
  };
}
