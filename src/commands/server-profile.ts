// The learned properties of the servers as text.
import type { ServerProfile, Status } from '../core/status.ts';

/** Returns no lines for a server without learned properties. */
export function learnedLines({ backend, previousServers }: Status): readonly string[] {
  return [
    ...blockOf(`Learned from the server at ${backend.services.start}:`, backend),
    ...previousServers.flatMap((one) =>
      blockOf(`Learned from the previous server at ${one.start}:`, one),
    ),
  ];
}

function blockOf(head: string, one: ServerProfile): readonly string[] {
  const { messages, keepAlive, learned } = one;
  const { afterStart, resume, ack } = learned;
  if ([messages, afterStart, resume, ack].every((known) => known === undefined)) return [];
  return [
    head,
    ...(messages === undefined ? [] : [`  server dialect: ${messages}`]),
    ...(afterStart === undefined
      ? []
      : [`  after a repeated start, it resumes on ${methodText(afterStart)}`]),
    ...(resume === undefined ? [] : [`  after a stall, it resumes on ${methodText(resume)}`]),
    ...(ack === undefined ? [] : [`  each ack lists ${listText(ack)}`]),
    keepAlive
      ? '  it may abandon an install after a minute, so the agent sends progress acks'
      : '  it has no install timeout, so the agent sends nothing while an install runs',
  ];
}

function methodText(method: string): string {
  return method === 'empty' ? 'an empty ack' : 'a list of all stored chunks';
}

function listText(list: string): string {
  if (list === 'tail') return 'the last two chunks';
  return list === 'single' ? 'only the last chunk' : 'all stored chunks';
}
