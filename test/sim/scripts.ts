// Makes the events of a journey, apart from interruptions.
import { keyOf, transferOf } from '../../src/core/decision-helpers.ts';
import { isBody } from '../backend/dialect.ts';
import { chunkBytes } from '../backend/package.ts';
import { encodeFrame, encodeHeader, headerBytes } from '../../src/store/frame.ts';
import { createRandom } from '../support/prng.ts';
import { isSound } from './damage.ts';
import { find } from './disk.ts';
import { flipBit, readFile } from './flash.ts';
import { prefix, vin } from './server.ts';
import { directory } from './settings.ts';
import type { Settings } from '../../src/settings.ts';
import type { SeenMessage } from '../backend/seen.ts';
import type { Prng } from '../support/prng.ts';
import type { Sample } from './packages.ts';
import type { Stage } from './scenario.ts';

/** Calls `act` once, when the n-th message of the kind passes. */
function atMessage(stage: Stage, service: string, times: number, act: () => void): void {
  let seen = 0;
  stage.onSeen((message) => {
    if (message.service !== service || message.direction !== 'out') return;
    seen += 1;
    if (seen === times) stage.timeline.after(0, act);
  });
}

/** An earlier client requested all of them in one start; the server sends them in turn. */
export function interleaved(stage: Stage): void {
  const { backend, timeline, packages } = stage;
  const isStart = (service: string) => service.endsWith('/sota/start');
  backend.setFault(({ direction, service }) => ({
    kind: direction === 'in' && isStart(service) ? 'drop' : 'pass',
  }));
  const ids = packages.map(({ one }) => one.id);
  function look(): void {
    const known = stage.state()?.core.packages;
    if (known === undefined || !ids.every((id) => known.has(keyOf(id)))) {
      timeline.after(500, look);
      return;
    }
    backend.setFault(undefined);
    const names = ['start', 'chunk', 'finish', 'getpackages', 'abort'];
    const services = Object.fromEntries(names.map((name) => [name, `${prefix}/${name}`]));
    backend.server.receive('/sota/start', [{ vin, packages: ids, services }]);
  }
  timeline.after(50, look);
}

export function rough({ timeline, backend, seed }: Stage): void {
  const prng = createRandom(seed);
  for (let times = 0; times < 6; times++) {
    const act = prng.pick<() => void>([
      backend.disconnect,
      () => backend.restartNode(prng.below(20_000)),
      () => backend.restartServer(prng.below(20_000)),
      () => void backend.node.crash(),
    ]);
    timeline.after(prng.below(prng.pick([40, 60_000])), act);
  }
}

export function serverRestarts(stage: Stage): void {
  atMessage(stage, '/sota/chunk', 2, () => stage.backend.restartServer(2_000));
}

/** The operator uploads another file with the same name, and the server starts again. */
export function replacedFile({ one }: Sample): (stage: Stage) => void {
  return (stage) => {
    const replace = () => {
      stage.backend.server.notify([one]);
      stage.backend.restartServer(2_000);
    };
    atMessage(stage, '/sota/chunk', 2, replace);
  };
}

export function reportLost(times: number): (stage: Stage) => void {
  return ({ backend }) => {
    let left = times;
    backend.setFault(({ direction, service }) => {
      const isReport = direction === 'in' && service.endsWith('/sota/report');
      if (!isReport || left === 0) return { kind: 'pass' };
      left -= 1;
      return { kind: 'drop' };
    });
  };
}

/** The seed selects the message that it follows, from the notify to the list of packages. */
export function abortAtMessage(stage: Stage): void {
  const at = 1 + (Math.floor(stage.seed / 4) % 14);
  let seen = 0;
  stage.onSeen(() => {
    seen += 1;
    if (seen === at) stage.timeline.after(stage.seed % 3, stage.backend.server.abort);
  });
}

/** After each chunk comes a flood of messages that no server should send. */
export function badCalls({ backend, onSeen }: Stage): void {
  const base64 = (bytes: number) => Buffer.alloc(bytes, 7).toString('base64');
  const full = base64(chunkBytes);
  const odd: readonly (readonly [index: unknown, bytes: unknown])[] = [
    ...[0, -1, 4, 2 ** 31, 2 ** 53, 1.5, '1', null].map((index) => [index, full] as const),
    ...[base64(chunkBytes + 1), base64(100), '', '!!!', 'AA==junk', null, 7].map(
      (bytes) => [1, bytes] as const,
    ),
  ];
  onSeen((message: SeenMessage) => {
    const body = isBody(message.parameters) ? message.parameters : {};
    if (message.direction !== 'out' || message.service !== '/sota/chunk') return;
    const { package: id } = body;
    for (const [index, bytes] of odd) backend.deliver('/sota/chunk', { package: id, index, bytes });
    const nobody = { name: 'nobody', version: '9.9.9' };
    backend.deliver('/sota/chunk', { package: nobody, index: 1, bytes: full });
    backend.deliver('/sota/finish', { package: id });
    backend.deliver('/sota/start', { package: id, checksum: 'no', chunkscount: 3 });
    backend.deliver('/sota/start', { package: id, checksum: 'a'.repeat(40), chunkscount: -3 });
    backend.deliver('/sota/nothing', null);
  });
}

/** The second chunk is lost once: the transfer makes no progress while the clock steps. */
export function deafToChunks({ backend }: Stage): void {
  let seen = 0;
  backend.setFault(({ direction, service }) => {
    if (direction !== 'out' || service !== '/sota/chunk') return { kind: 'pass' };
    seen += 1;
    return { kind: seen === 2 ? 'drop' : 'pass' };
  });
}

/** The nodes lose their link before the report; the messages then wait and may expire. */
export function deafToReports({ backend, timeline, onSeen }: Stage): void {
  let isDown = false;
  onSeen(({ service }) => {
    if (service !== '/sota/finish' || isDown) return;
    isDown = true;
    backend.node.setLink(false);
    timeline.after(20_000, () => backend.node.setLink(true));
  });
}

export function hostileNames({ backend, timeline }: Stage): void {
  const long = 'x'.repeat(65_536);
  const names = ['../../etc/passwd', '/etc/passwd', 'a\u0000b', '..', '.', '', long, '\ud800', 7];
  const ids = names.flatMap((name) => [
    { name, version: '1.0.0' },
    { name: 'hostile', version: name },
  ]);
  timeline.after(30, () => {
    for (const id of ids) {
      backend.deliver('/sota/notify', { packages: [{ package: id, size: 1 }] });
      backend.deliver('/sota/start', { package: id, checksum: 'b'.repeat(40), chunkscount: 1 });
      backend.deliver('/sota/chunk', { package: id, index: 1, bytes: 'AAAA' });
      backend.deliver('/sota/finish', { package: id });
    }
  });
}

/** The configuration changes at each start: consent, installer, and kind of ack. */
export const reconfigured = {
  installerOf: (life: number) => (life % 3 === 0 ? 'command' : 'opkg'),
  settingsOf: (usual: Settings, life: number): Settings => ({
    ...usual,
    policy: { ...usual.policy, consent: life === 1 ? 'required' : 'automatic' },
    rvi: { ...usual.rvi, ack: life % 2 === 0 ? 'tail' : 'full' },
  }),
  script: ({ timeline, cut, lives }: Stage) => {
    timeline.after(1_000, () => {
      if (lives() === 1) cut('kill');
    });
  },
} as const;

/** Its record is unknown, so the journal is never rewritten. The seed moves later records. */
export function journalOfAnother(seed: number): Uint8Array {
  const fact = { kind: 'of-another-version', text: 'x'.repeat((seed * 61) % 512) };
  const record = encodeFrame(Buffer.from(JSON.stringify(fact)), 1, 0, false);
  const header = encodeHeader({ firstSequence: 1, snapshotBytes: headerBytes });
  return Buffer.concat([header, record]);
}

// ---------------------------------------------------------------- at rest

export function rotInData(stage: Stage, prng: Prng): void {
  for (const one of stage.state()?.core.packages.values() ?? []) {
    const transfer = transferOf(one);
    const file = find(stage.root, `${directory}/packages/${transfer?.number ?? 0}/data`);
    if (transfer === undefined || file?.kind !== 'file' || file.durable.sizeBytes === 0) continue;
    const at = flipBit(file, prng);
    stage.oracle.rot(transfer.number, Math.floor(at / chunkBytes) + 1);
  }
}

/** Returns what a process would read of it; empty if there is none. */
export function journalIn(root: Stage['root']): Buffer {
  const file = find(root, `${directory}/journal`);
  if (file?.kind !== 'file') return Buffer.alloc(0);
  return Buffer.from(readFile(file.current, 0, file.current.sizeBytes));
}

/** One fault may lose chunks only; a second one before the first was repaired may lose all. */
export function rotInJournal({ root, oracle }: Stage, prng: Prng): void {
  const file = find(root, `${directory}/journal`);
  if (file?.kind !== 'file' || file.durable.sizeBytes === 0) return;
  const wasSound = isSound(journalIn(root));
  flipBit(file, prng);
  if (wasSound) oracle.forgetChunks();
  else oracle.forget();
}
