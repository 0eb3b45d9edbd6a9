// The agent's calls that wait for an answer on a shared connection: matched by id, and ended by a
// timeout or by the loss of the connection. HTTP needs no matching: an answer belongs to its
// request.
import { assert } from '../../../assert.ts';
import { failure } from './errors.ts';
import type { Clock } from '../../../host/ports.ts';
import type { Call, CallFailure, CallResult } from './transport.ts';

export type Calls = {
  /** Resolves with the answer, or when the time is up. */
  wait(call: Call): Promise<CallResult>;
  /** False: no pending call has that id. */
  answer(id: string, text: string): boolean;
  /** Fails every pending call with this failure. */
  failAll(failed: CallFailure): void;
};

export function createCalls(clock: Clock): Calls {
  const waiting = new Map<string, (result: CallResult) => void>();

  function wait({ id, timeLimitMs }: Call): Promise<CallResult> {
    assert(!waiting.has(id), 'no two pending calls have the same id');
    return new Promise((resolve) => {
      const settle = (result: CallResult) => {
        cancel();
        waiting.delete(id);
        resolve(result);
      };
      const cancel = clock.after(timeLimitMs, () => {
        settle(failure('timeout', `no answer within ${timeLimitMs} ms`));
      });
      waiting.set(id, settle);
    });
  }

  function answer(id: string, text: string): boolean {
    const settle = waiting.get(id);
    settle?.({ ok: true, text });
    return settle !== undefined;
  }

  function failAll(failed: CallFailure): void {
    for (const settle of waiting.values()) settle(failed);
  }

  return { wait, answer, failAll };
}
