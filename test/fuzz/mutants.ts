// Lists the agents that the fuzzer must catch, each without one of its defences
// (`support/mutate.ts`). The hint is a seed that shows the defect early.
import { mutantOf } from '../support/mutate.ts';
import type { Mutant } from '../support/mutate.ts';

/** The program that searches for the defect of one broken agent and prints its finding. */
export const hunt = 'test/fuzz/hunt.ts';

export const mutants: readonly Mutant[] = [
  mutantOf(
    'lets a name lead out of its folder',
    'backends/rvi/codec/fields.ts',
    '/[\\u0000-\\u001f\\u007f-\\u009f/\\\\]/.test(text.value)',
    'false',
  ),
  mutantOf(
    'takes for base64 whatever came',
    'backends/rvi/codec/fields.ts',
    "data.toString('base64') === value ? within(data) : bad(path, 'it is not strict base64')",
    'good(data)',
  ),
  {
    name: 'takes chunks of any length',
    hint: '4',
    changes: [
      {
        file: 'backends/rvi/codec/fields.ts',
        from: 'if (value.length > Math.ceil(bytesMax / 3) * 4) return',
        to: 'if (false) return',
      },
      {
        file: 'backends/rvi/codec/fields.ts',
        from: '(data.length > bytesMax ? tooLong : good(data))',
        to: 'good(data)',
      },
    ],
  },
  mutantOf(
    'takes chunks of any number',
    'backends/rvi/codec/dialect.ts',
    "readCount(member(body, 'index'), 'index', 1, chunksCountMax)",
    "readCount(member(body, 'index'), 'index', 1, Number.MAX_SAFE_INTEGER)",
    '7',
  ),
  mutantOf(
    'takes half a signature, or one that ends the environment',
    'backends/rvi/codec/updates-by-vin.ts',
    "const isSound = !value.includes('\\0') && wellFormed(value) === value;",
    'const isSound = true;',
    '14',
  ),
  mutantOf(
    'receives what nobody accepted',
    'core/policy.ts',
    'if (!needsConsent(settings, state, id)) return true;',
    'return true;',
  ),
  mutantOf(
    'remembers each server for ever',
    'backends/rvi/known-servers.ts',
    '.slice(-backendsMax)',
    '',
  ),
  mutantOf(
    'dies of what is no JSON',
    'backends/rvi/codec/jsonrpc.ts',
    "return { kind: 'refused', id: 'null', code: errorCodes.parse, reason: 'this is not JSON' };",
    "throw new Error('no JSON');",
  ),
  mutantOf(
    'waits for ever after a call that failed',
    'backends/rvi/deadlines.ts',
    "return [{ dueMs: link.dueMs, id: undefined, next: 'registers with the node', act }];",
    'return act === undefined ? [] : [];',
  ),
  mutantOf(
    'writes to the log what a peer said as it said it',
    'sanitize.ts',
    "return char.length === 1 ? `\\\\u${code.padStart(4, '0')}` : `\\\\u{${code}}`;",
    'return char;',
    '10',
  ),
];
