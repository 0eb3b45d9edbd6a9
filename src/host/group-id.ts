// Looks up the number of a group in /etc/group, because Node cannot. A group of a directory service
// is not in the file; it must be configured by number.
import { readFileSync } from 'node:fs';
import type { DiskResult } from './ports.ts';

export function groupId(group: string, file = '/etc/group'): DiskResult<number> {
  if (/^\d{1,10}$/.test(group)) return { ok: true, value: Number(group) };
  try {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const [name, , digits = ''] = line.split(':');
      if (name === group && /^\d{1,10}$/.test(digits)) return { ok: true, value: Number(digits) };
    }
  } catch (error) {
    return { ok: false, code: 'ENOENT', reason: `${file} cannot be read: ${String(error)}` };
  }
  return { ok: false, code: 'ENOENT', reason: `${file} has no group ${group}` };
}
