// The section [installer.opkg].
import type { OwnSettings } from '../installer.ts';
import type { SettingsTable } from '../settings-table.ts';

export const settings = {
  program: { type: 'program', default: 'opkg', description: 'The program opkg.' },
  args: {
    type: 'arguments',
    default: [],
    sample: '["--force-downgrade"]',
    description: 'Arguments before the sub-command.',
  },
  statusFile: {
    type: 'file',
    default: '',
    description:
      'Status file of opkg, of which the agent keeps a copy; empty: its usual place below ' +
      'the root that `args` name.',
  },
} as const satisfies SettingsTable;

export type OpkgSettings = OwnSettings<typeof settings>;
