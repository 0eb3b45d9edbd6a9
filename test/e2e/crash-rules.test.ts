// Tests with real sessions that no message of the agent can crash a node (protocol 1.7): odd and
// long names, an installer whose output is no valid text, extreme times to live. Every test with a
// vehicle makes this check; here the input is difficult.
import { randomBytes } from 'node:crypto';
import { packageOf } from '../backend/package.ts';
import { assert, suite } from '../support/suite.ts';
import { withVehicle } from '../support/vehicle.ts';
import type { VehicleOptions } from '../support/vehicle.ts';

const test = suite('what crashes a node');
const grammar = { name: /./s, version: /./s };

/** Two lone surrogates in three bytes each, an escape as text, and an invalid byte. */
const lastWords = String.raw`printf '\355\240\275\355\270\200 \\ud83d \377 "\360\237\230\200"' >&2`;

const ids = [
  { name: 'a"b {[%s', version: '1.0\u2028-\u{1f600}' },
  { name: 'n'.repeat(255), version: 'ud83d' },
];

const ways: readonly (readonly [name: string, options: VehicleOptions])[] = [
  ['http', { node: '0.4', rvi: { message_ttl: 1 } }],
  ['ws', { node: '0.4', transport: 'ws', rvi: { message_ttl: 86_400 } }],
  ['rvi', { node: '0.4', transport: 'rvi', rvi: { message_ttl: 4_294.5 } }],
  ['rvi', { node: '0.5.1', transport: 'rvi', hasAdapter: true, rvi: { message_ttl: 1.5 } }],
];

for (const [name, options] of ways) {
  test(`nothing does, with strange names and last words, ${options.node} by ${name}`, async () => {
    const install = `${lastWords}; exit 1`;
    const given = { ...options, server: 'S-B', grammar, install } as const;
    for (const id of ids) {
      await withVehicle(given, async (vehicle) => {
        const { backend } = vehicle;
        const one = packageOf(id, randomBytes(70_000));
        vehicle.boot();
        await backend.registered();
        backend.server.notify([one]);
        await vehicle.reported(one);
        const [outcome] = backend.server.outcomes;
        assert.is(outcome?.status, false);
        assert.match(outcome?.text ?? '', 'exited with 1: ');
        assert.ok(backend.heard() > 10);
      });
    }
  });
}

test.run();
