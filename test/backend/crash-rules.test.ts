// Tests each rule of `crashesOf` with the smallest text that breaks it, and checks that the test's
// node agrees.
import { crashesOf } from './crash-rules.ts';
import { createRviTongue } from './edge-rvi.ts';
import { createNode } from './node.ts';
import { assert, suite } from '../support/suite.ts';
import type { Spelling } from './crash-rules.ts';

const test = suite('what crashes a node');
const nowMs = 1_800_000_000_000;
const timeout = 1_800_000_090;

const text = (params: object, method = 'message') =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
const message = (parameters: unknown, until: unknown = timeout) =>
  text({ service_name: 'genivi.org/backend/sota/ack', timeout: until, parameters });

/** Whether a 0.4 node survives the frame; its link is down, so that it checks queued messages. */
function isAlive(frame: string, spelling: 'jsonrpc' | 'rvi-0.4'): boolean {
  const options = { kind: '0.4', prefix: 'p', backend: [] } as const;
  const ports = { after: () => () => undefined, nowMs: () => nowMs };
  const node = createNode(options, {
    ...ports,
    onMessage: () => undefined,
    onRegistered: () => undefined,
  });
  const routeOf = () => ({ name: 'a', post: () => undefined });
  node.perform('register_service', { service: '/sota/ack' }, routeOf);
  const hear = spelling === 'jsonrpc' ? node.call : createRviTongue('0.4', node).hear;
  return hear(frame, routeOf).kind !== 'closed' && node.registered().length === 1;
}

const escape = message([{ a: 'X' }]).replace('X', '\\ud83d\\ude00');
const cases: readonly (readonly [what: string, frame: string, spelling: Spelling, RegExp])[] = [
  ['a bare object over HTTP', message({ a: 1 }), 'jsonrpc', /parameters not as jsonrpc/],
  ['a list over WebSocket', message([{ a: 1 }]), 'rvi-0.4', /parameters not as rvi-0.4/],
  ['a timeout that is a string', message([{}], '1800000090'), 'jsonrpc', /no integer/],
  ['one that is null', message([{}], null), 'jsonrpc', /no integer/],
  ['one in milliseconds', message([{}], timeout * 1_000), 'jsonrpc', /beyond erlang:send_after/],
  ['one that is over', message([{}], 1_799_999_999), 'jsonrpc', /over already/],
  ['a surrogate escape', escape, 'jsonrpc', /surrogate escape/],
  [
    'a surrogate escape in a name',
    text({ service: 'X' }, 'register_service').replace('X', '\\uD83D'),
    'jsonrpc',
    /surrogate escape/,
  ],
];

for (const [what, frame, spelling, rule] of cases) {
  test(`${what} is found, and crashes the node of the tests`, () => {
    const found = crashesOf(frame, spelling, nowMs);
    assert.is(found.length, 1, found.join('; '));
    assert.match(found[0] ?? '', rule);
    if (spelling !== 'rvi-0.5') assert.not.ok(isAlive(frame, spelling));
  });
}

test('what is right is left alone, by rules and node', () => {
  const right: readonly (readonly [string, 'jsonrpc' | 'rvi-0.4'])[] = [
    [message([{ a: '\u{1f600}' }]), 'jsonrpc'],
    [message([{ a: '\\ud83d' }]), 'jsonrpc'],
    [message([{ a: 1 }], 90_000), 'jsonrpc'],
    [message({ a: [] }), 'rvi-0.4'],
  ];
  for (const [frame, spelling] of right) {
    assert.equal(crashesOf(frame, spelling, nowMs), [], frame);
    assert.ok(isAlive(frame, spelling), frame);
  }
});

test('what an edge never answers is found, too', () => {
  const silent: readonly (readonly [string, Spelling])[] = [
    ['x', 'jsonrpc'],
    ['{"jsonrpc":"2.0","method":"message","params":{}}', 'jsonrpc'],
    [text({ service: '/sota/ack' }, 'register_service'), 'rvi-0.4'],
    [text({ service_name: '/sota/ack' }, 'register_service'), 'jsonrpc'],
    [text({}, 'get_available_services'), 'rvi-0.4'],
    [message({ a: 1 }), 'rvi-0.5'],
    [message({ a: 'x' }), 'rvi-0.5'],
    [text({}, 'shout'), 'jsonrpc'],
  ];
  for (const [frame, spelling] of silent) {
    assert.is(crashesOf(frame, spelling, nowMs).length, 1, `${spelling}: ${frame}`);
  }
});

test.run();
