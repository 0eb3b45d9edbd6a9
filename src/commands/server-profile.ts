// What was learnt of the servers, in words.
import type { ServerProfile, Status } from '../core/status.ts';

/** Nothing is said of a server that nothing is known of. */
export function learnedLines({ backend, previousServers }: Status): readonly string[] {
  return [
    ...blockOf(`What was learnt of the server at ${backend.services.start}:`, backend),
    ...previousServers.flatMap((one) => blockOf(`And of the one before at ${one.start}:`, one)),
  ];
}

function blockOf(head: string, one: ServerProfile): readonly string[] {
  const { messages, keepAlive, learned } = one;
  const { afterStart, resume } = learned;
  if ([messages, afterStart, resume].every((known) => known === undefined)) return [];
  return [
    head,
    ...(messages === undefined ? [] : [`  it speaks ${messages}`]),
    ...(afterStart === undefined ? [] : [`  when it starts anew, ${spelled(afterStart)} works`]),
    ...(resume === undefined ? [] : [`  when it stands still, ${spelled(resume)} works`]),
    keepAlive
      ? '  it may give up an install after a minute, and is told that one goes on'
      : '  it waits for a report for ever, and is told nothing while an install runs',
  ];
}

function spelled(rung: string): string {
  return rung === 'empty' ? 'an empty ack' : 'the list of all that is held';
}
