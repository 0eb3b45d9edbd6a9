// The section [installer.opkg].
import type { OwnSettings } from '../installer.ts';
import type { SettingsTable } from '../settings-table.ts';

export const settings = {
  program: { type: 'program', default: 'opkg', description: 'the program opkg' },
  args: {
    type: 'arguments',
    default: [],
    sample: '["--force-downgrade"]',
    description: 'arguments before the command of opkg',
  },
  statusFile: {
    type: 'file',
    default: '',
    description: 'the status file of opkg; empty: the usual paths, below the root that `args` name',
  },
} as const satisfies SettingsTable;

export type OpkgSettings = OwnSettings<typeof settings>;
