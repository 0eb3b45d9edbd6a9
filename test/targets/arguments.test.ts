// Tests the arguments for Node in an executable: with them, Node still takes its own modules from
// its code cache. V8 rejects the whole cache if some of its flags differ from those of the build.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { assert, suite } from '../support/suite.ts';
import { targetOf } from '../support/target.ts';
import { cache } from './tree.ts';

const test = suite('the arguments for Node');

/** Prints which modules of Node were compiled from source after these were loaded. */
const script = `const { internalBinding } = require('internal/test/binding');
for (const name of ['http', 'https', 'net', 'zlib', 'child_process', 'fs/promises']) require(name);
const { compiledWithCache, compiledWithoutCache } = internalBinding('builtins').getCacheUsage();
console.log(JSON.stringify([compiledWithCache.size, [...compiledWithoutCache]]));`;

// The flags that V8 compares do not depend on the CPU, so the Node of this machine is enough.
for (const target of ['linux-x64', 'linux-arm64']) {
  test(`of ${target} let Node use the code cache of its own modules`, () => {
    const { package: name, version } = targetOf('linux-x64').node;
    const args = [...targetOf(target).execArgv, '--expose-internals', '--no-warnings'];
    const program = join(cache, `${name}-${version}`, 'node');
    const said = execFileSync(program, [...args, '-e', script], { env: {}, encoding: 'utf8' });
    const [cachedCount, compiled] = JSON.parse(said);
    assert.ok(cachedCount > 0, said);
    assert.equal(compiled, [], `${args.join(' ')}: V8 rejects the code cache`);
  });
}

test.run();
