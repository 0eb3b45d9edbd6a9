// Finds out whether a server waits for something that none of its timers ends. Meanwhile the
// vehicle gets no other package, because the server ignores a second start (protocol 2.4). Only the
// vehicle, or a restart of the server, can end the wait.
import type { UploadPhase } from './server.ts';
import type { ServerRules } from './server-rules.ts';

export function blockedBy(rules: ServerRules, phases: readonly UploadPhase[]): string | undefined {
  if (phases.length === 0) return 'a start of nothing, which never ends (protocol 2.4)';
  if (phases.includes('waiting')) return 'the first ack, without a time limit (protocol 2.4)';
  if (phases.includes('sending')) {
    return rules.ackTimeoutMs === undefined ? 'an ack, without a time limit (S-A)' : undefined;
  }
  return rules.installTimeoutMs === undefined
    ? 'a report, without a time limit (S-A, S-B)'
    : undefined;
}
