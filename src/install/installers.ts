// The installers of this product. No other file names all of them: the names in the configuration,
// its sections and the reference page are derived from this list. A new installer is a folder and
// a line here.
import { command } from './command/installer.ts';
import { opkg } from './opkg/installer.ts';
import { swupdate } from './swupdate/installer.ts';
import type { InstallerSettings, Settings } from '../settings.ts';
import type { SettingsOf } from './settings-table.ts';

/** In the order of the configuration. The last one takes every format. */
export const installerKinds = [opkg, swupdate, command] as const;

type Kind = (typeof installerKinds)[number];

export type InstallerName = Kind['name'];

/** The section of each installer, by its name. */
export type InstallerSections = {
  readonly [K in Kind as K['name']]: SettingsOf<K['settings']>;
};

/** The settings of the whole agent. The core reads those that no installer adds. */
export type AgentSettings = Omit<Settings, 'installer'> & {
  readonly installer: InstallerSettings<InstallerName> & InstallerSections;
};

export const installerNames: readonly InstallerName[] = installerKinds.map(({ name }) => name);
