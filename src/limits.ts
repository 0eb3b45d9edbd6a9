// Every limit: its unit is in its name, the comment names what it limits and what happens there.
// `make docs` writes docs/reference/limits.md from this file.

// ---------------------------------------------------------------- Packages and transfers

/**
 * Size of a chunk, fixed by the servers (protocol 2.4). Only the last one may be shorter; the
 * agent rejects any other size.
 */
export const chunkBytes = 65_536;
/**
 * Chunks of a package: 2 GiB, because servers count offsets in 32-bit integers (protocol 2.4). The
 * agent rejects the start of a larger package.
 */
export const chunksCountMax = 32_768;
/**
 * One message. A chunk in base64 has 87 384 characters, a notify of hundreds of packages fewer.
 * The agent rejects a larger message.
 */
export const messageBytesMax = 262_144;
/** Name or version of a package; servers allow 100 characters. The agent rejects longer ones. */
export const nameBytesMax = 255;
/** Packages at a time. The agent skips further offers and logs `package-limit`. */
export const packagesMax = 64;
/**
 * Packages for which a server required consent, also after they are finished. The agent forgets
 * the oldest one.
 */
export const confirmationsMax = 64;
/**
 * Transfers at a time; servers interleave three (protocol 2.4). The agent rejects a fifth start.
 */
export const transfersMax = 4;
/**
 * Servers that the agent remembers in addition to the present one. It forgets the oldest one, and
 * what it learned of it.
 */
export const backendsMax = 8;
/** Stored chunks that an ack lists one by one. With more, it lists the last two (`rvi.ack`). */
export const fullAckChunksMax = 8;
/**
 * New chunks after an interruption until an ack lists the last two chunks only. Until then, a chunk
 * that arrives again may be a late copy.
 */
export const newChunksBeforeTail = 2;
/** Starts in a row that reject a list of chunks, until the agent tries the other list. */
export const listRejectionsMax = 2;
/** Payloads in the history, with their attempts. The agent forgets the oldest one. */
export const historyEntriesMax = 64;
/**
 * Signature of an update. The agent rejects an offer with a longer one, because half a signature
 * is useless.
 */
export const signatureBytesMax = 8_192;
/** Description in a report. The agent shortens a longer one. */
export const descriptionBytesMax = 1_024;

// ---------------------------------------------------------------- Memory

/** Memory that a transfer needs. The agent logs `memory-limit-low` if its group allows less. */
export const memoryBytesMin = 50_331_648;

// ---------------------------------------------------------------- Events and connections

/** Events that wait for a commit. With more, HTTP answers busy, and WebSocket stops reading. */
export const eventsQueuedMax = 64;
/** Events in one commit. */
export const eventsBatchMax = 32;
/**
 * Connections at the listener; a node has up to 22 (protocol 1.6). With more, the agent closes the
 * one that rested longest.
 */
export const connectionsMax = 64;
/**
 * Connections that wait to be accepted. Deliveries come in bursts: with a backlog of 5, half of 20
 * were lost (protocol 1.6).
 */
export const listenBacklog = 512;
/**
 * Idle time after which the listener closes a connection. The node keeps its connections, and a
 * delivery on a closed one is lost (protocol 1.6).
 */
export const keepAliveMs = 3_600_000;
/**
 * Interval at which the listener looks for the begin of a request on connections that rest. A
 * request that has begun, and a new connection, are checked every 5 s.
 */
export const restingCheckEveryMs = 300_000;
/**
 * Answer of the node to a message. A local node answers in milliseconds; 0.5.1 waits 500 ms
 * (protocol 1.6). After it, the call has failed.
 */
export const callTimeoutMs = 10_000;
/** Time during which a former delivery path still works after the node has received the new one. */
export const oldPathMs = 5_000;
/** Former delivery paths that work at a time while the node answers no registration. */
export const oldPathsMax = 8;
/** Interval at which the agent commits the count of rejected requests. */
export const refusalsEveryMs = 250;
/** Time for a rejected peer to read the answer. After it, the agent closes the connection. */
export const refusalCloseMs = 1_000;
/** The agent reads the TLS files again for a new connection, at most once in this time. */
export const tlsFilesEveryMs = 10_000;
/**
 * One TLS file; all public authorities have a quarter of it. The agent does not use a larger one.
 */
export const tlsFileBytesMax = 1_048_576;
/**
 * WebSocket: interval at which the agent looks whether something arrived. If not, it pings.
 * Gateways close a connection that is quiet for a minute.
 */
export const pingEveryMs = 50_000;
/**
 * The same interval for a node on this device or in this vehicle, so that the device rarely wakes
 * up. Nodes of RVI ping by themselves (protocol 1.9).
 */
export const localPingEveryMs = 240_000;
/** WebSocket: the connection is lost if nothing arrives in this time after a ping. */
export const pingAnswerMs = 20_000;
/**
 * WebSocket to such a node: idle time after which the kernel probes the connection. Ten probes
 * without an answer, one a second, end it.
 */
export const localProbeAfterMs = 10_000;
/**
 * WebSocket: pings of the node that wait for an answer. With one more, the agent closes the
 * connection.
 */
export const pingsPendingMax = 60;

// ---------------------------------------------------------------- Retries

/** Delay before the agent registers or connects again: it doubles, with full jitter. */
export const reconnectDelayMsMin = 1_000;
export const reconnectDelayMsMax = 300_000;
/** The maximum of this delay for a node on this device or in this vehicle. */
export const localReconnectDelayMsMax = 10_000;
/**
 * The maximum of this delay for a local node that answers registrations but no messages, and for
 * one that failed so often in a row.
 */
export const localOutageDelayMsMax = 60_000;
export const localOutageFailures = 100;
/** Interval of registrations while a local node reports that the server is gone. */
export const awayRegisterEveryMs = 10_000;
/** A larger step of the wall clock ends the wait of a retry that failed because of the time. */
export const clockStepMsMin = 60_000;
/** Interval of that check, only while such a retry waits: it doubles. */
export const clockCheckEveryMsMin = 10_000;
export const clockCheckEveryMsMax = 60_000;
/** Time without messages after the node reported that the server is gone. */
export const awayMsMax = 60_000;
/** Time in which a node announces all services of a server, in any order (protocol 1.5). */
export const announcedWithinMs = 2_000;
/** Random delay of waiting messages after the node reported that the server is back. */
export const returnDelayMsMin = 1_000;
export const returnDelayMsMax = 5_000;
/**
 * Delay before the agent requests a start again, and between rounds of the ways to resume a
 * transfer: it doubles, with full jitter.
 */
export const startRetryDelayMsMin = 15_000;
export const startRetryDelayMsMax = 600_000;
/**
 * Delay before the agent sends an unconfirmed report again; servers answer at once or never
 * (protocol 2.4).
 */
export const reportDelayMsMin = 30_000;
export const reportDelayMsMax = 3_600_000;
/**
 * Attempts to send a report, about five days. Then it counts as delivered, because some servers
 * never ask for the inventory.
 */
export const reportSendsMax = 256;
/** Attempts to send a report if the package is offered again meanwhile. */
export const reportSendsAgainMax = 5;
/** Further attempts after a confirmation that may belong to another report. */
export const reportSendsInDoubt = 3;
/** Time between an unconfirmed report and the next start; servers release a vehicle after 60 s. */
export const reportSettleMs = 90_000;
/**
 * Delay before the agent makes an inventory again that the node did not accept, and the number of
 * attempts.
 */
export const listingDelayMs = 60_000;
export const listingsMax = 5;
/** Delay before the agent removes data again that the disk refused to remove. */
export const discardDelayMs = 60_000;
/** Delay before the agent writes again after the disk rejected a write. */
export const storageDelayMs = 5_000;

// ---------------------------------------------------------------- Installers and reboot

/** Delay before the agent starts an installer again that another program uses. */
export const installerBusyDelayMs = 15_000;
/** Delay before the agent runs the reboot command again. After the attempts, the install failed. */
export const rebootDelayMs = 300_000;
export const rebootRequestsMax = 5;
/** Time limit of `reboot.allow`. After it, the agent does not reboot yet. */
export const rebootAllowTimeMs = 60_000;
/** Delay before the agent runs `reboot.allow` again: it doubles. */
export const rebootAllowDelayMsMin = 10_000;
export const rebootAllowDelayMsMax = 300_000;
/** The beginning of a payload, from which the installers recognise its format. */
export const payloadHeadBytes = 65_536;
/** Kept of the head, and of the tail, of the output of an installer. */
export const outputBytesMax = 16_384;
/** List of installed packages: thousands of lines. The agent does not report a longer one. */
export const listOutputBytesMax = 1_048_576;
/** Time limit of a query to a package manager. */
export const askTimeMs = 60_000;
/** Control file or list of conffiles in an `.ipk`. The agent rejects a larger one. */
export const controlBytesMax = 1_048_576;
/**
 * Unpacked size of each layer of an `.ipk`. The agent rejects a larger one before it fills the
 * device.
 */
export const unpackedBytesMax = 8_589_934_592;
/** Memory that zstd may use to unpack, as a power of two: 32 MiB. */
export const zstdWindowLogMax = 25;
/** Unpacked control archive of an `.ipk` that an external program unpacks. */
export const controlTarBytesMax = 4_194_304;
/**
 * Files that differ from the payload. The agent looks up so many in the lists of other packages.
 */
export const differencesMax = 64;
/** Status file of opkg: some hundred bytes a package. The agent does not copy a larger one. */
export const statusFileBytesMax = 33_554_432;
/** State before an install, which an installer needs after a power loss. The agent rejects more. */
export const beforeBytesMax = 32_768;

// ---------------------------------------------------------------- Storage

/** Growth of the journal after which the agent rewrites it. */
export const journalSlackBytesMax = 262_144;
/**
 * Space reserved for the journal in addition to the records of chunks, so that it can record a
 * full disk.
 */
export const journalReserveBytes = 262_144;
/** Time after the start until the agent reserves that space, which takes a program. */
export const journalReserveDelayMs = 5_000;
/** Copy of a damaged journal. The agent omits the end of a longer one. */
export const damagedBytesMax = 2_097_152;
/** A longer file named `journal` was not made by the agent. */
export const journalBytesMax = 33_554_432;
/** One record of the journal. */
export const recordBytesMax = 65_536;
/** The record of a chunk, so that flash writes stay small next to the payload. */
export const recordChunkBytesMax = 64;
/** The configuration file. The agent rejects a larger one. */
export const configBytesMax = 262_144;

// ---------------------------------------------------------------- Commands

/** One request on the control socket. The daemon rejects a longer one and closes the connection. */
export const controlLineBytesMax = 4_096;
/** Connections to the control socket. The daemon rejects further ones with `busy`. */
export const controlConnectionsMax = 8;
/** Time after which the daemon closes a connection that neither sends nor reads. */
export const controlIdleMs = 60_000;
/** Time for a rejected command to read the reason. After it, the daemon closes the connection. */
export const controlCloseGraceMs = 1_000;
/** Rejected connections at a time. The daemon closes further ones without a reason. */
export const controlCloseGraceMax = 32;
/** Length of an answer that a command reads. */
export const controlAnswerBytesMax = 1_048_576;
/** Time limit of a command; the inventory of a slow device takes seconds. */
export const controlAnswerMs = 30_000;
/** Minimum interval of the lines of `watch`. */
export const watchEveryMs = 200;
/** Minimum interval of status messages to systemd. */
export const managerEveryMs = 10_000;

// ---------------------------------------------------------------- Log and stop

/** Lines of one code in this time. The agent counts further lines and logs their number. */
export const logLinesMax = 10;
export const logWindowMs = 60_000;
/** One value in a log line. The agent shortens a longer one. */
export const logValueCharactersMax = 512;
/**
 * Log lines that wait because nothing reads stderr. The agent drops further ones and logs their
 * number.
 */
export const logWaitingBytesMax = 262_144;
/**
 * Delay and number of attempts to store an outcome while the agent stops and the disk rejects
 * writes. Then the outcome is lost.
 */
export const stopCommitDelayMs = 500;
export const stopCommitsMax = 4;
/** Time for each of connection, sockets and log to close after the work has ended. */
export const stopGraceMs = 1_000;
/**
 * Answer of the agent that holds the lock. A stopped process (SIGSTOP) does not answer, and still
 * holds it.
 */
export const lockAnswerMs = 2_000;
