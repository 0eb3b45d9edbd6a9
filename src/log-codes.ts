// All codes of the log. Each entry has the levels of the code, and a comment: what happened, and
// after "Fix:" what to do. `Log` accepts no other code. `make docs` writes
// docs/reference/log-codes.md from it.
export const logCodes = {
  // ---------------------------------------------------------------- The process
  // The agent runs.
  started: 'info',
  // A signal (`signal`) stops the agent. It begins nothing new, and waits for the programs in
  // `waits_for` to record their outcome.
  stopping: 'info',
  // The agent ends. The level is warn if SIGINT or SIGQUIT ended it while the programs in `left`
  // ran.
  stopped: 'info or warn',
  // The agent received a signal that changes nothing; `reason` names why.
  'signal-ignored': 'info',
  // Nothing read stderr, so the agent dropped `lines` lines. Fix: Check the program that reads the
  // log.
  'log-dropped': 'warn',
  // The agent is process 1 of a container, so processes that an installer leaves behind stay as
  // zombies. Fix: Start the agent below an init: `docker run --init`, tini.
  'no-init': 'warn',
  // The kernel may end the agent: its control group allows less memory (`limit`) than a transfer
  // needs (`needed`). `file` has the limit. Fix: Raise it: `MemoryMax=` of the unit.
  'memory-limit-low': 'warn',
  // The agent cannot run: storage, another agent, an address in use, or TLS files (`reason`). Fix:
  // Correct what `reason` names, and start the agent again.
  'startup-failed': 'error',
  // The agent ends because a sync failed, or because of a fault in the agent. The next start
  // continues with what is on flash. Fix: Check the disk. If it is sound, report the fault.
  'fatal-error': 'error',
  // `systemd-notify` is missing or failed. Fix: Install it, or use a unit without `Type=notify` and
  // `WatchdogSec`.
  'systemd-notify-failed': 'warn',
  // No work ended for half of `WatchdogSec`. The agent sends no keep-alive, so systemd restarts it.
  // Fix: Look at `reason`. If it happens again, check the disk and the installer.
  'watchdog-stalled': 'error',
  // The daemon cannot open the control socket, so the commands cannot reach it. Fix: Correct
  // `control.socket`, or the directory of the socket.
  'control-socket-failed': 'error',
  // A request on the control socket was rejected (`code`).
  'control-request-invalid': 'debug',

  // ---------------------------------------------------------------- Storage
  // Other users may access `storage.dir`, or it belongs to another user (`owner`). Fix: `chmod 700`
  // it, and `chown` it to the user of the agent, unless you want that.
  'storage-permissions': 'warn',
  // `packages` in `storage.dir` contains entries that the agent did not create. It does not change
  // them. Fix: Remove the entries that `names` lists.
  'foreign-in-packages': 'warn',
  // Data on flash was incomplete or unreadable; `what` names it and what the agent did. Fix: Check
  // the flash if it happens without a power loss.
  'data-loss': 'warn',
  // What was in progress when the agent ended last time, and continues.
  'state-recovered': 'info',
  // The journal was damaged. The fields name the place, the number of lost records, and the copy
  // that is kept (`journal.damaged`). The agent continues with all other records. Fix: Check the
  // flash.
  'journal-corrupt': 'error',
  // The journal could not be rewritten. It grows until the agent can rewrite it. Fix: Free space,
  // or check the disk.
  'journal-compaction-failed': 'warn',
  // The disk rejects writes. The agent acknowledges nothing until a write succeeds. Fix: Free
  // space, or repair the disk.
  'storage-write-failed': 'error',
  // The disk accepts writes again.
  'storage-recovered': 'info',
  // The space for a package could not be reserved. The agent retries later. Fix: Free space in the
  // file system of `storage.dir`.
  'space-reservation-failed': 'error',
  // A chunk could not be written. The server sends it again. Fix: Free space, or repair the disk.
  'chunk-write-failed': 'error',
  // A stored chunk failed its CRC check. The agent requests it again. Fix: Check the flash if it
  // happens more than once.
  'chunk-corrupt': 'warn',
  // The data of a finished package could not be removed. The agent retries, at the next start too.
  // Fix: Check the disk.
  'cleanup-failed': 'warn or debug',

  // ---------------------------------------------------------------- Node and server
  // The agent has registered its services with the node. After a `node-disconnected` with
  // `call=message` the agent logs it when the node accepts a message again.
  registered: 'info',
  // The node is not reachable, or does not answer a call. The agent retries after at most 10 s for
  // a node on this device or in a private network, else after at most 300 s. Fix: `reason` names
  // the cause, and the key to check.
  'node-disconnected': 'warn or debug',
  // The agent connects again, or registers while the node accepts no messages.
  'node-reconnecting': 'debug',
  // An exception in the agent's connection to the node. The agent continues. Fix: Report the fault.
  'transport-failed': 'error',
  // The node answered a call that is not pending.
  'response-unmatched': 'debug',
  // The agent cannot send the messages of this package, because the node does not name the device.
  // All other work continues. Fix: Set `device.vin` (P1, P2) or `device.uuid` (P3).
  'vehicle-id-missing': 'warn',
  // The node announces services that are not those of the server.
  'services-available': 'debug',
  // The node withdraws services that are not those of the server.
  'services-unavailable': 'debug',
  // The node reports that the server is gone. The agent sends nothing to it for at most a minute.
  // Fix: Check the server, and the connection of the node to it.
  'server-offline': 'warn or debug',
  // The node reports that the server is back. The agent sends what waits within seconds.
  'server-online': 'info',
  // The agent cannot use a message; `reason` names the field, `code` the answer. Fix: Check node
  // and server, `rvi.node_dialect` and `rvi.server_dialect`.
  'request-invalid': 'warn',

  // ---------------------------------------------------------------- Listener and TLS
  // The listener at `rvi.listen` had an error (`reason`). Fix: Check the address, and the limits of
  // the process.
  'listener-failed': 'warn',
  // Too many connections at `rvi.listen`. The agent closes those that rested longest. Fix: Check
  // which programs connect, and set `rvi.allowed_peers`.
  'connection-limit': 'warn',
  // A peer that `rvi.allowed_peers` does not list tried to connect. Fix: If it is the node, add
  // `address` to the list.
  'peer-denied': 'warn',
  // The listener rejected a request: no RVI node sends it, it was too large, or too many requests
  // waited (`reason`). Fix: If `address` is the node, see docs/integrate/node-and-server.md.
  'request-rejected': 'warn',
  // The file with the secret delivery path cannot be used. The agent makes and registers another
  // path. Fix: `reason` names the file; check the flash.
  'path-lost': 'warn',
  // The secret delivery path could not be stored. The next start makes another one. Fix: Check the
  // disk.
  'path-not-stored': 'warn',
  // `sota-agent renew-path` made another secret delivery path.
  'path-renewed': 'info',
  // Certificates or key were renewed. New connections to the node use them.
  'tls-reloaded': 'info',
  // A TLS file cannot be used, perhaps because it is half written. The agent keeps the previous
  // files. Fix: Correct the file that `reason` names.
  'tls-reload-failed': 'warn',
  // The certificate of the agent has expired, or is not valid yet. Fix: Renew it, or set the clock.
  'tls-certificate-dates': 'warn',
  // Users other than the owner may use the private key. Fix: `chmod 600` it, and `chown` it to the
  // user of the agent.
  'tls-key-permissions': 'warn',

  // ---------------------------------------------------------------- Offers and downloads
  // The server has a package for this vehicle.
  'package-offered': 'info',
  // The agent skips a part of an offer that it cannot use; `reason` names it. Fix: Correct the
  // package on the server.
  'offer-invalid': 'warn',
  // The server offers more packages than the agent stores (64). Fix: Offer fewer packages at a
  // time.
  'package-limit': 'warn',
  // A user accepted the package.
  accepted: 'info',
  // A user declined the package.
  declined: 'info',
  // The server starts a package that no user accepted. The agent offers it. Fix: `sota-agent
  // accept` starts it.
  'start-without-consent': 'warn',
  // The server starts a package with a size that the agent cannot receive. The agent reports a
  // failure. Fix: Use a smaller package.
  'start-unusable': 'warn',
  // The server starts a package that is being installed, that is completely received, or whose
  // outcome is not reported yet (`reason`). The report answers it.
  'start-ignored': 'warn',
  // An update contains several packages. The agent reports it as failed:
  // docs/integrate/node-and-server.md. Fix: Use one package for each update.
  'multi-package-unsupported': 'warn',
  // The server starts more downloads at a time than the agent accepts (4).
  'download-limit': 'warn',
  // The space is reserved, and chunks may come.
  'download-started': 'info',
  // The server sends another file under the same name and version. The agent discards the chunks
  // that it has.
  'download-restarted': 'warn',
  // The server sends nothing in a transfer. The agent tries another way to resume it. Fix: If it
  // happens for all packages, check the server.
  'download-stalled': 'warn or debug',
  // A chunk of a package that is not being received.
  'chunk-unexpected': 'warn',
  // The index of a chunk is above the announced count. Fix: Check the server.
  'chunk-index-invalid': 'warn',
  // A chunk other than the last one is short, or a chunk is empty or too long. Fix: Check the
  // server: chunks have 65 536 bytes.
  'chunk-size-invalid': 'warn',
  // A finish of a package that is not being received.
  'finish-unexpected': 'debug',
  // The server sent its finish before all chunks. The agent requests the missing ones.
  'finish-incomplete': 'warn',
  // All chunks are stored, and the server sent no finish. The agent continues without it.
  'finish-timeout': 'warn',
  // The server gave up a transfer. The agent removes its data.
  'aborted-by-server': 'warn',
  // The server aborts what is not being received.
  'abort-ignored': 'info',
  // Number of chunks, size and SHA-1 of the payload are as announced.
  'package-verified': 'info',

  // ---------------------------------------------------------------- Install and reboot
  // Records of the journal were lost, so the agent checks first if the package is installed
  // already.
  'asked-before-install': 'info',
  // The agent starts an installer; `attempt` is the number of the attempt.
  installing: 'info',
  // The agent has verified that the package is installed.
  installed: 'info',
  // The update failed. The agent reports `code` and `description` to the server. Fix: See the table
  // below, and the output in `description`.
  'update-failed': 'error',
  // Another program uses the package manager. The agent retries.
  'installer-busy': 'warn or debug',
  // The policy permits no install now (`reason`). The agent tries again later.
  'install-postponed': 'info',
  // This device does not have the package manager. The inventory omits its packages.
  'installer-not-found': 'debug',
  // An attempt was interrupted, and the package is not installed. The agent runs the installer
  // again.
  'install-interrupted': 'warn',
  // SWUpdate or its daemon ended during an install. The agent retries when it is back. Fix: Look at
  // the log of SWUpdate.
  'swupdate-terminated': 'warn',
  // `sync` failed after an install. Fix: Check the disk.
  'sync-failed': 'warn',
  // The installer needs a reboot. The agent requests it.
  'reboot-required': 'info',
  // `reboot.allow` denies the reboot. The agent runs it again later. Fix: `sota-agent why` prints
  // when, and the reason.
  'reboot-denied': 'warn or debug',
  // The reboot command failed. The agent runs it again, at most five times. Fix: Check
  // `reboot.program` and `reboot.args`.
  'reboot-failed': 'error',

  // ---------------------------------------------------------------- Reports and inventory
  // The node accepted the report.
  'report-sent': 'info',
  // The server has the report.
  'report-confirmed': 'info',
  // The agent sent the report 256 times (5 times if the package is offered again), and the server
  // did not confirm it. Fix: Check the server.
  'report-unconfirmed': 'error',
  // The inventory omits these packages, because the server cannot read their names or versions.
  // Fix: See `rvi.inventory`.
  'inventory-filtered': 'warn',
  // A package manager could not list the installed packages (`reason`). Fix: Run the package
  // manager by hand.
  'inventory-failed': 'warn',
} as const;

export type LogCode = keyof typeof logCodes;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

type Split<T> = T extends `${infer First} or ${infer Second}` ? First | Second : T;

/** The levels at which this code is logged. */
export type LevelOf<C extends LogCode> = Split<(typeof logCodes)[C]> & LogLevel;
