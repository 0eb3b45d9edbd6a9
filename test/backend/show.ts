// The messages of a session for a person, one line each.
import { isBody } from './dialect.ts';
import type { Body } from './dialect.ts';
import type { PackageId, ServerPackage } from './package.ts';
import type { SeenMessage } from './seen.ts';

export function lineOf(message: SeenMessage, packages: readonly ServerPackage[]): string {
  const name = message.service.replace(/^\/sota\//, '');
  const arrow = message.direction === 'out' ? '->' : '<-';
  const body = isBody(message.parameters) ? message.parameters : {};
  const told = tell(name, message.direction, body, packages);
  const ignored = message.ignored === undefined ? '' : `  (ignored: ${message.ignored})`;
  return `${arrow} ${name.padEnd(11)} ${told}${ignored}`.trimEnd();
}

function tell(
  name: string,
  direction: 'in' | 'out',
  body: Body,
  packages: readonly ServerPackage[],
): string {
  const id = idText(body['package']);
  switch (name) {
    case 'notify':
      return listText(body['packages'], (one) =>
        isBody(one) ? `${idText(one['package'])}, ${String(one['size'])} bytes` : '?',
      );
    case 'start':
      return direction === 'in'
        ? listText(body['packages'], idText)
        : `${id}, ${String(body['chunkscount'])} chunks, sha1 ${String(body['checksum'])}`;
    case 'chunk':
      return `${id}  ${progressText(Number(body['index']), countOf(id, packages))}`;
    case 'ack':
      return `${id}  [${String(body['chunks'])}]`;
    case 'finish':
      return id;
    case 'report':
      return `${id}  ${verdict(body)}`;
    case 'packages':
      return listText(body['packages'], idText);
    default:
      return '';
  }
}

const verdict = ({ status, description }: Body) =>
  `${status === true ? 'success' : 'FAILED'}: ${String(description)}`;

const textOf = ({ name, version }: PackageId) => `${name} ${version}`;

const idText = (value: unknown) =>
  isBody(value) ? `${String(value['name'])} ${String(value['version'])}` : '?';

function countOf(id: string, packages: readonly ServerPackage[]): number {
  return Math.max(1, packages.find((one) => textOf(one.id) === id)?.chunksCount ?? 1);
}

function progressText(index: number, count: number): string {
  const [width, share] = [20, Math.min(1, index / count)];
  const bar = '#'.repeat(Math.floor(share * width)).padEnd(width, '.');
  return `[${bar}] ${index}/${count} ${Math.floor(share * 100)} %`;
}

/** A device lists hundreds of packages; the first few tell enough. */
function listText(value: unknown, text: (one: unknown) => string): string {
  const shown = 5;
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  if (list.length === 0) return 'none';
  const more = list.length > shown ? ` and ${list.length - shown} more` : '';
  return `${list.slice(0, shown).map(text).join('; ')}${more}`;
}
