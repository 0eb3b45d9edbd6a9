// Runs one cell: the built agent, a node and a server of the row, and the faults that a test puts
// between them. The same checks end every cell, whatever the event was.
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isBody } from '../backend/dialect.ts';
import { packageOf } from '../backend/package.ts';
import { assert } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import { fullAckChunksMax } from '../../src/limits.ts';
import { isHalfDeaf, learningMax } from './rows.ts';
import { until } from '../support/idle.ts';
import type { Fault, Passing } from '../backend/node.ts';
import type { ServerPackage } from '../backend/package.ts';
import type { Vehicle, VehicleOptions } from '../support/vehicle.ts';
import type { Row } from './rows.ts';

export type Where = 'to the vehicle' | 'to the server';

export type Stage = Vehicle & {
  readonly row: Row;
  readonly packages: readonly ServerPackage[];
  /** The first package. */
  readonly one: ServerPackage;
  /** Drops the nth such message. */
  lose(where: Where, service: string, nth?: number): void;
  /** Resolves when the nth such message passes; with `isLost` that message is dropped. */
  passes(where: Where, service: string, nth?: number, isLost?: boolean): Promise<void>;
  /** Starts the agent, and offers the packages once it is registered. */
  begin(): Promise<void>;
  kill(): Promise<void>;
  allReported(): Promise<void>;
};

export type Expected = {
  /** The status of each report. */
  readonly status?: boolean;
  readonly installs?: number;
  /** Maximum number of chunks that were sent again because of the agent's messages. */
  readonly repeatedMax?: number;
  /** The server dropped the report, which the agent must have sent. */
  readonly isReportDropped?: boolean;
};

/** A second of the server's timers; the agent uses real seconds. */
export const secondMs = 250;
/** More than an ack lists one by one. */
export const chunksCount = fullAckChunksMax + 4;
const order = ['radio', 'engine', 'map'] as const;

type Watched = {
  readonly where: Where;
  readonly service: string;
  left: number;
  readonly isLost: boolean;
  readonly done: () => void;
};

export function play(
  row: Row,
  given: VehicleOptions & { readonly packages?: number },
  act: (stage: Stage) => Promise<void>,
): Promise<void> {
  const watched = new Set<Watched>();
  const packages = order.slice(0, given.packages ?? 1).map(newPackage);

  function watch(where: Where, service: string, nth: number, isLost: boolean): Promise<void> {
    return new Promise((done) => {
      watched.add({ where, service, left: nth, isLost, done });
    });
  }

  function fault({ direction, service }: Passing): Fault {
    const where: Where = direction === 'in' ? 'to the server' : 'to the vehicle';
    let isLost = false;
    for (const one of watched) {
      if (one.where !== where || !service.endsWith(`/sota/${one.service}`)) continue;
      one.left -= 1;
      if (one.left > 0) continue;
      watched.delete(one);
      isLost ||= one.isLost;
      one.done();
    }
    return { kind: isLost ? 'drop' : 'pass' };
  }

  const options: VehicleOptions = {
    ...row,
    secondMs,
    jitterMs: 3,
    hasAdapter: row.node === '0.5.1' && row.transport === 'rvi',
    ...given,
    fault,
    rvi: { stall_timeout: 4, finish_timeout: 2, ...given.rvi },
  };
  return withVehicle(options, async (vehicle) => {
    const [one] = packages;
    if (one === undefined) throw new Error('a cell has a package');
    await act({
      ...vehicle,
      row,
      packages,
      one,
      lose: (where, service, nth = 1) => void watch(where, service, nth, true),
      passes: (where, service, nth = 1, isLost = false) => watch(where, service, nth, isLost),
      async begin() {
        vehicle.boot();
        await vehicle.backend.registered();
        vehicle.backend.server.notify(packages);
      },
      kill: async () => void (await vehicle.agent().kill('SIGKILL')),
      async allReported() {
        for (const each of packages) await vehicle.reported(each);
      },
    });
  });
}

function newPackage(name: string): ServerPackage {
  const data = randomBytes((chunksCount - 1) * 65_536 + 100);
  return packageOf({ name, version: '1.2.3' }, data);
}

/** Checks what must be true at the end of each cell, whatever the event was. */
export async function ends(stage: Stage, expected: Expected = {}): Promise<void> {
  const { status = true, isReportDropped = false } = expected;
  const { backend, row, packages } = stage;
  const { server } = backend;
  if (isReportDropped) await backend.until('the report', () => isSaid(stage, status));
  else {
    await stage.allReported();
    const told = server.outcomes.map((one) => `${one.id.name} ${one.status}`).sort();
    const due = packages.map(({ id }) => `${id.name} ${status}`).sort();
    assert.equal(told, due, 'what was reported');
  }
  if (!isReportDropped && !isHalfDeaf(row)) await until('nothing is owed', () => isIdle(stage));
  const installs = expected.installs ?? (status ? packages.length : 0);
  assert.is(stage.installs().length, installs, 'runs of the installer');
  const sums = installed(stage.directory);
  const due = status ? packages.map(({ checksum }) => checksum).sort() : [];
  assert.equal(sums, due, 'what was installed');
  const repeated = backend.chunksRepeated() - server.resends();
  const told = () => server.log.map((one) => JSON.stringify(one)).join('\n');
  const repeatedMax = (expected.repeatedMax ?? 0) + learningMax(row);
  assert.ok(repeated <= repeatedMax, `${repeated} chunks sent again\n${told()}`);
  assert.is(server.blockedBy(), undefined, 'the server waits for ever');
}

/** A report that the server dropped is in the server's log. */
function isSaid({ backend }: Stage, status: boolean): boolean {
  return backend.server.log.some(
    ({ direction, service, parameters }) =>
      direction === 'in' && service === '/sota/report' && statusIn(parameters) === status,
  );
}

function statusIn(parameters: unknown): boolean | undefined {
  if (!isBody(parameters)) return undefined;
  const { status, update_report: update } = parameters;
  if (typeof status === 'boolean') return status;
  const results: unknown = isBody(update) ? update['operation_results'] : undefined;
  if (!Array.isArray(results)) return undefined;
  return results.every((one) => isBody(one) && Number(one['result_code']) <= 1);
}

async function isIdle({ status }: Stage): Promise<boolean> {
  const now = await status().catch(() => undefined);
  return now !== undefined && now.packages.length === 0 && now.reports.length === 0;
}

/** P2 and P3 carry no names, so the contents identify the package. */
function installed(directory: string): readonly string[] {
  const files = readdirSync(directory).filter((name) => name.startsWith('installed-'));
  const id = { name: '', version: '' };
  return files.map((name) => packageOf(id, readFileSync(join(directory, name))).checksum).sort();
}
