// What an operator would have configured.
import type { Settings } from '../../src/core/settings.ts';

/** The parent is there, as on any device; the directory itself may not be. */
export const parent = '/var/lib';
export const directory = `${parent}/sota-agent`;

export const settings: Settings = {
  device: { vin: undefined, uuid: undefined },
  rvi: {
    url: 'http://127.0.0.1:8901',
    listen: { host: '127.0.0.1', port: 9080 },
    allow: [],
    networkAddress: undefined,
    backend: 'genivi.org/backend',
    registerEveryMs: 300_000,
    messageLifeMs: 90_000,
    stallMs: 10_000,
    finishTimeoutMs: 30_000,
    keepAliveMs: 20_000,
    ack: 'full',
    packages: 'all',
    messages: 'auto',
    dialect: 'jsonrpc',
    tls: { ca: undefined, cert: undefined, key: undefined },
    proxy: undefined,
  },
  storage: { directory, reserveBytes: 262_144 },
  policy: { accept: 'auto' },
  installer: {
    default: 'auto',
    rules: [],
    attempts: 3,
    timeoutMs: 3_600_000,
    opkg: { program: 'opkg', args: [], statusFile: '/var/lib/opkg/status' },
    swupdate: {
      program: 'swupdate',
      args: [],
      versionsFile: '/etc/sw-versions',
      check: [],
      sockets: '',
      reboot: false,
    },
    command: { program: '/bin/true', args: [] },
  },
  reboot: { program: 'systemctl', args: ['reboot'], check: ['/bin/true'] },
  control: { socket: '/run/sota-agent/control.sock', group: undefined },
  log: { level: 'info', format: 'text' },
};
