// Every bound, with its unit, its reason, and what happens there.

/** Servers fix it (protocol 2.4); a chunk of another size is refused, except for the last one. */
export const chunkBytes = 65_536;
/** 2 GiB: servers count offsets in 32-bit integers (protocol 2.4). A start beyond it is refused. */
export const chunksCountMax = 32_768;
/**
 * One JSON message: a chunk in base64 is 87 384 characters, a notify of hundreds of packages
 * less.
 */
export const messageBytesMax = 262_144;
/** Names and versions; the servers' own grammar ends at 100. Longer ones are refused. */
export const nameBytesMax = 255;
/** Packages known at a time; further offers are left out, with a line in the log. */
export const packagesMax = 64;
/** Packages that a server wanted confirmed, also after they are gone; the oldest is forgotten. */
export const confirmationsMax = 64;
/** Transfers at a time: servers interleave three (protocol 2.4); a fifth start is refused. */
export const transfersMax = 4;
/** Servers that are remembered beside the present one; the oldest is forgotten. */
export const backendsMax = 8;
/** Payloads whose attempts are remembered; the oldest is forgotten. */
export const historyEntriesMax = 64;
/** Events that wait for a commit; beyond it HTTP answers busy and WebSocket stops reading. */
export const eventsQueuedMax = 64;
/** Events in one commit. */
export const eventsBatchMax = 32;
/** Connections of nodes at a time; 22 were seen (protocol 1.6). More are closed. */
export const connectionsMax = 64;
/** Deliveries come in bursts; half of 20 was lost with a backlog of 5 (protocol 1.6). */
export const listenBacklog = 512;
/** The node keeps its sockets; one we close in its hands loses a message (protocol 1.6). */
export const keepAliveMs = 3_600_000;
/** A local call is answered in milliseconds; 0.5.1 waits 500 ms by itself (protocol 1.6). */
export const callTimeoutMs = 10_000;
/** Deliveries to an old path are under way when the node has taken the new one. */
export const oldPathMs = 5_000;
/** Paths that are taken at the same time while the node answers no registration. */
export const oldPathsMax = 8;
/** Refused requests are counted together, in one commit for so long. */
export const refusalsEveryMs = 250;
/** A refused peer has this long to read the answer; then its connection is closed. */
export const refusalCloseMs = 1_000;
/** Back-off of register and reconnect, with full jitter. */
export const reconnectDelayMsMin = 1_000;
export const reconnectDelayMsMax = 300_000;
/** As `reconnectDelayMsMax`, for a node on this device or in this vehicle. */
export const localReconnectDelayMsMax = 10_000;
/** As `reconnectDelayMsMax`, for a local node that answers registrations, but not messages. */
export const localMessageDelayMsMax = 60_000;
/** The agent registers again after this while a local node says that the server is away. */
export const awayRegisterEveryMs = 10_000;
/** A larger step of the wall clock ends the wait of a retry that failed for the time. */
export const clockStepMsMin = 60_000;
/** Interval of that check; only while such a retry waits. */
export const clockCheckEveryMs = 10_000;
/** TLS files are read again for a new connection, no more often: a lost link is tried often. */
export const tlsFilesEveryMs = 10_000;
/** Of one TLS file; all public authorities together are a quarter of it. More is not read. */
export const tlsFileBytesMax = 1_048_576;
/** WebSocket: a ping each; without its answer in the same time the link counts as lost. */
export const pingEveryMs = 20_000;
/** Pings of the node that are not answered yet; with one more the agent ends the link. */
export const pingsPendingMax = 60;
/** The node says that the server is away: so long nothing is said to it, then as usual. */
export const awayMsMax = 60_000;
/** A node announces each service in a call of its own, in any order (protocol 1.5). */
export const announcedWithinMs = 2_000;
/** And that it is back: what waits is said after a random time within these. */
export const returnDelayMsMin = 1_000;
export const returnDelayMsMax = 5_000;
/** Back-off of `start`, and of the ladder from its second round on, with full jitter. */
export const startRetryDelayMsMin = 15_000;
export const startRetryDelayMsMax = 600_000;
/** A report without proof is said again; servers answer at once or never (protocol 2.4). */
export const reportDelayMsMin = 30_000;
export const reportDelayMsMax = 3_600_000;
/** Then it counts as delivered, since some servers never ask for packages. About five days. */
export const reportSendsMax = 256;
/** An offer that came anew waits no longer than these for the proof of the last report. */
export const reportSendsAgainMax = 5;
/** So often a report is still said when a proof came that may have been another one's. */
export const reportSendsInDoubt = 3;
/** The next start may go out this long after an unproven report: servers free a vehicle in 60 s. */
export const reportSettleMs = 90_000;
/** A list of packages that the node did not take is made again, so many times. */
export const listingDelayMs = 60_000;
export const listingsMax = 5;
/** An installer that somebody else holds is asked again. */
export const installerBusyDelayMs = 15_000;
/** The reboot command is repeated, then the install counts as failed. */
export const rebootDelayMs = 300_000;
export const rebootRequestsMax = 5;
/** `[reboot] allow` answers within this, or it means no. */
export const rebootAllowTimeMs = 60_000;
/** After a no it is asked again, later each time up to the maximum. */
export const rebootAllowDelayMsMin = 10_000;
export const rebootAllowDelayMsMax = 300_000;
/** Storage that refuses is tried again after this. */
export const storageDelayMs = 5_000;
/** What the disk refused to remove is removed again after this, until it is gone. */
export const discardDelayMs = 60_000;
/** Kept of each of an installer's outputs. */
export const outputBytesMax = 16_384;
/** A list of installed packages: thousands of lines. A longer one is not reported. */
export const listOutputBytesMax = 1_048_576;
/** A package manager answers a question in seconds; it holds up a report no longer than this. */
export const askTimeMs = 60_000;
/** A control file or a list of conffiles in an .ipk; a larger one is refused. */
export const controlBytesMax = 1_048_576;
/** What an .ipk may unpack to (each layer); a larger one is refused before it fills a device. */
export const unpackedBytesMax = 8_589_934_592;
/** The memory that zstd may take to unpack, as a power of two: 32 MiB. */
export const zstdWindowLogMax = 25;
/** What the control archive of an .ipk may unpack to if an external program unpacks it. */
export const controlTarBytesMax = 4_194_304;
/** Files of a package that differ from the payload, looked up in the lists of other packages. */
export const differencesMax = 64;
/** opkg's status file: some hundred bytes a package. A larger one is not copied. */
export const statusFileBytesMax = 33_554_432;
/** Of an update, as text; half of one would be none, so an offer with a longer one is refused. */
export const signatureBytesMax = 8_192;
/** Of a description in a report. */
export const descriptionBytesMax = 1_024;
/** The journal is rewritten when it is this much longer than it was after the last time. */
export const journalSlackBytesMax = 262_144;
/** Reserved for the journal beside the chunks' records: a full disk can still be recorded. */
export const journalReserveBytes = 262_144;
/** Of a damaged journal, kept for whoever looks into it; the end of a longer one is left out. */
export const damagedBytesMax = 2_097_152;
/** A longer file named `journal` is none of ours. */
export const journalBytesMax = 33_554_432;
/** One record. */
export const recordBytesMax = 65_536;
/** Of what an installer wants back after a cut, within a record; more is refused. */
export const beforeBytesMax = 32_768;
/** A record of a chunk: flash writes stay small next to the payload. */
export const recordChunkBytesMax = 64;
/** A configuration file; a larger one is none of ours and is refused. */
export const configBytesMax = 262_144;
/** One request on the control socket; a longer one is refused and the connection closed. */
export const controlLineBytesMax = 4_096;
/** People and scripts at the control socket at a time; further ones are told to try again. */
export const controlConnectionsMax = 8;
/** A connection that neither asks nor reads for so long is closed. */
export const controlIdleMs = 60_000;
/**
 * What is said last must be read: a close with a request unread takes it back. Then the connection
 * is closed all the same.
 */
export const controlFarewellMs = 1_000;
/** So many are told at a time that there is no room; of more the connection is closed at once. */
export const controlFarewellsMax = 32;
/** What a command reads of an answer: a status of all packages fits many times. */
export const controlAnswerBytesMax = 1_048_576;
/** A command gives up then; the package list of a slow device takes seconds. */
export const controlAnswerMs = 30_000;
/** `watch` is told of changes no more often. */
export const watchEveryMs = 200;
/** The service manager is told of changes no more often. */
export const managerEveryMs = 10_000;
/** Lines of one code in a window; the rest is counted and told in one line after it. */
export const logLinesMax = 10;
export const logWindowMs = 60_000;
/** Of one value in a log line; the end of a longer one is cut off. */
export const logValueCharactersMax = 512;
/** Log lines that wait because nobody reads stderr; more are dropped, counted, and told of. */
export const logWaitingBytesMax = 262_144;
/** An outcome that storage refuses while the agent stops is tried again, then it is lost. */
export const stopCommitDelayMs = 500;
export const stopCommitsMax = 4;
/** After the work has ended, the link, the sockets and the log get this long each to close. */
export const stopGraceMs = 1_000;
/** The holder of a lock answers in milliseconds; one that is stopped (SIGSTOP) holds it as well. */
export const lockAnswerMs = 2_000;
