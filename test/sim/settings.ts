// The settings that an operator would have configured.
import { settings as defaults } from '../support/core.ts';
import type { Settings } from '../../src/settings.ts';

/** The parent exists, as on any device; the directory itself may not. */
export const parent = '/var/lib';
export const directory = `${parent}/sota-agent`;

export const settings: Settings = {
  ...defaults,
  storage: { directory, minFreeBytes: 262_144 },
  installer: {
    ...defaults.installer,
    timeoutMs: 3_600_000,
  },
  reboot: { ...defaults.reboot, healthCheck: ['/bin/true'] },
};
