// Prints the messages of a session for a user, one line each.
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
  const id = idOf(body, packages);
  switch (name) {
    case 'notify':
      if (isBody(body['update_available'])) return updateText(body['update_available']);
      return listText(body['packages'], (one) =>
        isBody(one) ? `${idText(one['package'])}, ${String(one['size'])} bytes` : '?',
      );
    case 'start':
      return direction === 'in'
        ? askedText(body, id)
        : `${id}, ${String(body['chunkscount'])} chunks, sha1 ${String(body['checksum'])}`;
    case 'chunk':
      return `${id}  ${progressText(Number(body['index']), countOf(id, packages))}`;
    case 'ack':
      return `${id}  [${String(body['chunks'])}]`;
    case 'finish':
      return id;
    case 'report':
      return `${id}  ${verdict(body)}`;
    case 'packages': {
      const software = body['installed_software'];
      return listText(isBody(software) ? software['packages'] : body['packages'], idText);
    }
    default:
      return '';
  }
}

function verdict(body: Body): string {
  const { status, description, update_report: report } = body;
  if (!isBody(report)) return `${status === true ? 'success' : 'FAILED'}: ${String(description)}`;
  return listText(report['operation_results'], (one) =>
    isBody(one) ? `${codeText(one['result_code'])}: ${String(one['result_text'])}` : '?',
  );
}

const codeText = (code: unknown) =>
  `${code === 0 || code === 1 ? 'success' : 'FAILED'} (${String(code)})`;

const askedText = (body: Body, id: string) =>
  'update_id' in body ? id : listText(body['packages'], idText);

const updateText = ({ update_id: id, size, description, request_confirmation: asks }: Body) =>
  `${String(description)}, ${String(size)} bytes, update ${String(id)}` +
  (asks === true ? ', a person is to be asked' : '');

/** An update has no package name; if the server has only one package, it is that one. */
function idOf(body: Body, packages: readonly ServerPackage[]): string {
  const update = isBody(body['update_report']) ? body['update_report'] : body;
  const [one] = packages;
  if ('update_id' in update && one !== undefined) return textOf(one.id);
  return idText(body['package']);
}

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

/** A device lists hundreds of packages; the line shows the first few. */
function listText(value: unknown, text: (one: unknown) => string): string {
  const shown = 5;
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  if (list.length === 0) return 'none';
  const more = list.length > shown ? ` and ${list.length - shown} more` : '';
  return `${list.slice(0, shown).map(text).join('; ')}${more}`;
}
