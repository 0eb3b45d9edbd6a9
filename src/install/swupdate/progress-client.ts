// The progress socket of one install, followed from its start to its verdict. It is always read to
// the end: a daemon stops when its messages are not taken.
import { openLine } from './socket-client.ts';
import { createProgressDecoder, percentOf } from './progress.ts';
import { statusFailure, statusSuccess } from './ipc.ts';
import type { LinePorts } from './socket-client.ts';
import type { Progress } from './progress.ts';

const statusStart = 1;

export type Follower = {
  /** It began: its own START was seen. */
  isStarted(): boolean;
  /** Undefined: not yet. */
  verdict(): 'success' | 'failure' | undefined;
  isClosed(): boolean;
  close(): void;
};

/**
 * `info`: what the START of this install carries; all before it is of others. Undefined: nobody
 * else installs there.
 */
export async function follow(
  ports: LinePorts,
  directory: string,
  info: string | undefined,
  onProgress: (percent: number, text: string) => void,
): Promise<Follower | undefined> {
  const opened = await openLine(ports, `${directory}/swupdateprog`);
  if (!opened.ok) return undefined;
  const line = opened.value;
  const decoder = createProgressDecoder();
  let isStarted = info === undefined;
  let verdict: 'success' | 'failure' | undefined;
  let shown = -1;

  function take(message: Progress): void {
    if (message.status === statusStart && message.info === info) isStarted = true;
    if (!isStarted || verdict !== undefined) return;
    if (message.status === statusSuccess) verdict = 'success';
    if (message.status === statusFailure) verdict = 'failure';
    const percent = percentOf(message);
    if (percent === undefined || percent <= shown) return;
    shown = percent;
    onProgress(percent, message.image);
  }

  line.listen((data) => {
    for (const message of decoder.push(data)) take(message);
  });
  return {
    isStarted: () => isStarted,
    verdict: () => verdict,
    isClosed: () => line.isClosed() || decoder.isLost(),
    close: line.close,
  };
}
