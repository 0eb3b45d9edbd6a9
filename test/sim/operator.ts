// The operators of the server: they offer each package until it is reported. They also restart a
// server that waits without a limit after one message was lost (protocol 2.4).
import { keyOf } from '../../src/core/decision-helpers.ts';
import { wordOf } from './installers.ts';
import type { State } from '../../src/agent/backend.ts';
import type { Timeline } from './clock.ts';
import type { Sample } from './packages.ts';
import type { Backend } from './server.ts';

export type OperatorOptions = {
  readonly timeline: Timeline;
  readonly backend: Backend;
  readonly packages: readonly Sample[];
  readonly mayBlock: boolean;
  readonly state: () => State | undefined;
  readonly isReported: (word: string) => boolean;
};

export type Operator = { start(): void; campaign(): void };

const everyMs = 120_000;
const patienceMs = 3_600_000;

export function createOperator(options: OperatorOptions): Operator {
  const { timeline, backend, packages, state, isReported } = options;
  let helpedMs = 0;

  function campaign(): void {
    const now = state();
    if (now === undefined || now.backend.ownServices === undefined) return;
    const wanted = packages.filter(({ one }) => !isReported(wordOf(one.id)));
    const lacking = wanted.filter(({ one }) => !now.core.packages.has(keyOf(one.id)));
    if (lacking.length > 0) backend.server.notify(lacking.map(({ one }) => one));
  }

  function help(): void {
    if (!options.mayBlock || timeline.nowMs() - helpedMs < patienceMs) return;
    helpedMs = timeline.nowMs();
    if (backend.server.isBusy()) backend.restartServer(1_000);
  }

  function start(): void {
    campaign();
    help();
    timeline.after(everyMs, start);
  }

  return { start: () => void timeline.after(everyMs, start), campaign };
}
