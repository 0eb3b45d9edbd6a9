// The meaning of each configuration key. Name, default, allowed values and former name come from
// src/config/keys.ts. The folder of an installer contains the text of its own keys.
import { sectionKeys } from '../../../src/config/installer-sections.ts';

/** The text above the keys of a section. */
export const sections: { readonly [section: string]: string } = {
  device:
    'Identity of the device. Without these keys, the agent takes them from the service names ' +
    'that the node gives it.',
  rvi:
    'The RVI node and its server. [Node and server](../integrate/node-and-server.md) ' +
    'describes both.',
  storage: 'What is stored on flash.',
  policy: 'Who decides about a package.',
  installer:
    'The programs that install packages. [Installers](../integrate/installers.md) describes ' +
    'them.',
  reboot: 'What happens if an installer needs a reboot. Lists are a command and its arguments.',
  control: 'The socket between the commands and the daemon: [control socket](control-socket.md).',
  log: 'The log on stderr: [log codes](log-codes.md).',
};

export const meanings: { readonly [key: string]: string } = {
  'device.vin': 'Vehicle identification number.',
  'device.uuid': 'UUID of the device, for servers of P3.',
  'rvi.url': 'The RVI node.',
  'rvi.listen': 'http and https: address at which the agent listens for the node.',
  'rvi.allowed_peers':
    'http and https: addresses and networks that may connect to `rvi.listen`. Empty: all that ' +
    'reach it.',
  'rvi.network_address':
    'http and https: address of `rvi.listen` as the node reaches it; not set: ' +
    '`http://<rvi.listen>`. Set it if the node is on another device or in another network ' +
    'namespace.',
  'rvi.path':
    'http and https: path at which the node delivers. `"secret"` is a random path that the agent' +
    ' makes once. A fixed path is for [nodes that cannot keep a ' +
    'path](../integrate/node-and-server.md#a-node-that-cannot-keep-a-path).',
  'rvi.service_prefix': "Prefix of the server's services until an offer names them.",
  'rvi.register_interval': 'Time between registrations. Each comes up to a tenth earlier.',
  'rvi.message_ttl': 'Time that a message of the agent may wait in the node.',
  'rvi.stall_timeout':
    'Time without a message in a transfer. After it, the agent tries to resume the transfer.',
  'rvi.finish_timeout': "Time to wait for the server's finish after the last chunk.",
  'rvi.progress_interval':
    'Time between progress messages during an install; 0: none. It is for [servers that give ' +
    'up](../integrate/node-and-server.md#the-time-of-an-install).',
  'rvi.ack':
    'Chunks that an ack lists: `auto` lists the last two, or what the server requires; `full` ' +
    'all that are stored; `tail` the last two always. ' +
    'See [Acks](../integrate/node-and-server.md#acks).',
  'rvi.inventory':
    'Packages that the inventory contains. `"strict"`: only versions of three numbers ' +
    '([why](../integrate/node-and-server.md#the-inventory)).',
  'rvi.server_dialect':
    'Dialect of the server; `"auto"`: as its offer shows ' +
    '([dialects](../integrate/node-and-server.md#server-dialects)).',
  'rvi.node_dialect':
    'ws and wss: format of the frames. RVI nodes use `"rvi-0.4"` or `"rvi-0.5"` ([what is lost ' +
    'then](../integrate/node-and-server.md#a-node-over-websocket)); `"jsonrpc"` is for a ' +
    'gateway.',
  'rvi.tls_ca':
    'https and wss: PEM file of the authorities to trust. Not set: the public authorities built ' +
    'into Node (the list of Mozilla), not those of the device.',
  'rvi.tls_cert': 'https and wss: PEM file of the certificate of the agent.',
  'rvi.tls_key': 'https and wss: PEM file of its key, mode 0600.',
  'rvi.proxy':
    'HTTP proxy on the way to the node. In user and password, `%40` is `@`; a `%` without two ' +
    'hexadecimal digits is itself. `config` prints `***` for the password. A file with a ' +
    'password should have mode 0600.',
  'storage.dir':
    'Directory of packages and journal, for the agent alone: the agent rejects one with other ' +
    'files. Its file system must survive a reboot and a power loss: tmpfs gives a warning; FAT, ' +
    'exFAT, `/proc` and `/sys` are rejected.',
  'storage.min_free': 'Space that a download leaves free in the file system of `storage.dir`.',
  'policy.consent':
    '`"required"`: each package waits for `sota-agent accept`. A package that the server marks ' +
    'as "request confirmation" waits in both cases.',
  'policy.dependencies':
    'If consent is required: a package that the server starts and no user accepted. `"ask"`: the' +
    ' agent offers it, and it waits too. `"accept"` is weaker: while an accepted package is in ' +
    'progress, the agent accepts every other package that the server starts.',
  'installer.enabled':
    'The installers that exist. Not set: those that other keys configure ' +
    '([more](../integrate/installers.md#which-installer)).',
  'installer.default': 'Installer of a package that no rule matches; `"auto"`: by content.',
  'installer.rules':
    'Installer by name of the package. `*` and `?` are wildcards, and the first match counts. A ' +
    'rule that never applies gives a warning.',
  'installer.max_attempts': 'Attempts to install one payload, interrupted attempts included.',
  'installer.timeout':
    'Time after which the agent ends an installer. If the package is not installed then, the ' +
    'update has failed.',
  'installer.work_dir':
    'Directory for temporary files of SWUpdate and of the scripts in a `.swu`; empty: below ' +
    '`storage.dir`. It must not be writable for others, nor mounted `noexec`.',
  ...Object.fromEntries(sectionKeys.map(({ key, setting }) => [key, setting.description])),
  'reboot.program': 'The program that reboots the device.',
  'reboot.args': 'Its arguments.',
  'reboot.allow':
    'Exit code 0 means that the device may reboot now. Otherwise the agent runs it again, after ' +
    '10 s at first, later every 5 minutes. Empty: the device may always reboot.',
  'reboot.health_check': 'Runs after that reboot. Exit code 0 means that the new software works.',
  'control.socket':
    'Path of the socket, in a directory that only the user of the agent may change, and not at a' +
    ' name that the agent uses in `storage.dir`.',
  'control.group':
    'Group that may use the socket, in addition to the owner. Not set: the group of the agent.',
  'log.level': 'The agent does not log lines below this level.',
  'log.format': 'Format of a line; `"json"`: one object, with the code in `event`.',
};

export function meaningOf(key: string): string {
  const meaning = meanings[newNames[key] ?? key];
  if (meaning === undefined) throw new Error(`write down what ${key} means`);
  return meaning;
}

const newNames: { readonly [key: string]: string } = {
  'rvi.allow': 'rvi.allowed_peers',
  'rvi.backend': 'rvi.service_prefix',
  'rvi.register_every': 'rvi.register_interval',
  'rvi.timeout': 'rvi.message_ttl',
  'rvi.stall': 'rvi.stall_timeout',
  'rvi.keep_alive': 'rvi.progress_interval',
  'rvi.packages': 'rvi.inventory',
  'rvi.messages': 'rvi.server_dialect',
  'rvi.dialect': 'rvi.node_dialect',
  'storage.reserve': 'storage.min_free',
  'policy.accept': 'policy.consent',
  'installer.attempts': 'installer.max_attempts',
  'installer.swupdate.check': 'installer.swupdate.verify_command',
  'reboot.check': 'reboot.health_check',
};
