// Receives a message of the node: decodes, answers and queues it. The answer is sent before any
// fsync, because a node gives up after one second and never retries (protocol 1.6).
import { decodeMessage } from './codec/chunk-bytes.ts';
import { errorCodes } from './codec/jsonrpc.ts';
import { decodeRequest, serviceOf } from './codec/sota.ts';
import type { Log } from '../../host/ports.ts';
import type { DialectContext } from './codec/dialects.ts';
import type { NodeDialect } from './codec/node-dialect.ts';
import type { RviEvent } from './model.ts';

export function createReceiver(
  log: Log,
  dialect: NodeDialect,
  hints: () => DialectContext,
  submit: (event: RviEvent) => void,
  onRefused: () => void = () => undefined,
): (data: Uint8Array) => string | undefined {
  const { decodeIncoming, encodeAnswer, encodeRefusal } = dialect;
  function refuse(id: string | undefined, code: number, reason: string): string | undefined {
    onRefused();
    log('warn', 'request-invalid', { code, reason });
    return encodeRefusal(id, code, reason);
  }

  return (data) => {
    const message = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const incoming = decodeMessage(decodeIncoming, message);
    switch (incoming.kind) {
      case 'refused':
        return refuse(incoming.id, incoming.code, incoming.reason);
      case 'services': {
        const kind = incoming.isAvailable ? 'services-available' : 'services-unavailable';
        submit({ kind: 'request', request: { kind, services: incoming.services } });
        return encodeAnswer(incoming.id);
      }
      case 'message': {
        const service = serviceOf(incoming.service, hints().names);
        if (service === undefined) {
          return refuse(incoming.id, errorCodes.method, 'service_name: not offered here');
        }
        const request = decodeRequest(service, incoming.parameters, hints());
        if (!request.ok) {
          const { reason, start } = request;
          // The server waits for a first ack without a limit: a report ends its wait.
          if (start !== undefined) {
            submit({ kind: 'request', request: { kind: 'unusable-start', id: start, reason } });
          }
          return refuse(incoming.id, errorCodes.params, reason);
        }
        submit({ kind: 'request', request: request.value });
        return encodeAnswer(incoming.id);
      }
    }
  };
}
