// Tests wrong command lines: the test compares the error exactly; the exit code is 2.
import { assert, suite } from '../../support/suite.ts';
import { createWorld } from './fakes.ts';

const test = suite('the command line');

const misuse: readonly (readonly [readonly string[], string])[] = [
  [[], 'a command is missing'],
  [['staus'], 'unknown command "staus": did you mean "status"?'],
  [['frobnicate'], 'unknown command "frobnicate"'],
  [['help', 'wach'], 'unknown command "wach": did you mean "watch"?'],
  [['status', '--jsn'], 'unknown option "--jsn": did you mean "--json"?'],
  [['status', '-x'], 'unknown option "-x"'],
  [['--frob=1', 'status'], 'unknown option "--frob"'],
  [['watch', '--json'], '"watch" does not accept --json'],
  [['status', '--json=yes'], '--json does not accept a value'],
  [['status', '--config'], '--config needs a FILE'],
  [['status', '--config='], '--config needs a FILE'],
  [['accept'], '"accept" needs a NAME'],
  [['decline', '--config', 'f'], '"decline" needs a NAME'],
  [['accept', 'a', '1', 'x'], '"accept" does not accept "x"'],
  [['accept', ''], '"accept" does not accept an empty NAME'],
  [['accept', 'a', ''], '"accept" does not accept an empty VERSION'],
  [['why', ''], '"why" does not accept an empty NAME'],
  [['status', 'engine'], '"status" does not accept "engine"'],
  [['version', 'x'], '"version" does not accept "x"'],
  [['help', 'status', 'x'], '"help" does not accept "x"'],
  [['status', '--', '--json'], '"status" does not accept "--json"'],
  [['pakages'], 'unknown command "pakages": did you mean "inventory"?'],
  [['status', '--__proto__'], 'unknown option "--__proto__"'],
  [['\u001b[31m'], 'unknown command "\\u001b[31m"'],
];

for (const [argv, said] of misuse) {
  test(`refuses ${JSON.stringify(argv)}`, async () => {
    const world = createWorld();
    assert.is(await world.run(...argv), 2);
    assert.equal(world.shown, { out: '', err: `sota-agent: ${said}\nsee "sota-agent help"\n` });
  });
}

test.run();
