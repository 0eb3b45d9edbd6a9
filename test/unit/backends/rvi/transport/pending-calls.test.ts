// Tests the pending calls to a node, their answers and their time limits, with a manual clock.
import { createCalls } from '../../../../../src/backends/rvi/transport/pending-calls.ts';
import { failure } from '../../../../../src/backends/rvi/transport/errors.ts';
import { assert, suite } from '../../../../support/suite.ts';
import { createFakeClock } from '../../../../support/control.ts';

const test = suite('calls');

test('gives each call the answer with its id, whatever the order', async () => {
  const calls = createCalls(createFakeClock());
  const ids = ['1', '2', '"1"', '9007199254740993', '9007199254740992'];
  const made = ids.map((id) => calls.wait({ id, text: '', timeLimitMs: 10 }));
  for (const id of ids.toReversed()) assert.ok(calls.answer(id, `to ${id}`));
  const results = await Promise.all(made);
  assert.equal(
    results,
    ids.map((id) => ({ ok: true, text: `to ${id}` })),
  );
});

test('knows no answer to what it did not ask, or not any more', async () => {
  const clock = createFakeClock();
  const calls = createCalls(clock);
  assert.not.ok(calls.answer('1', ''));
  const made = calls.wait({ id: '1', text: '', timeLimitMs: 10 });
  assert.ok(calls.answer('1', 'a'));
  assert.not.ok(calls.answer('1', 'b'));
  assert.equal(await made, { ok: true, text: 'a' });
  assert.is(clock.waiting(), 0);
});

test('ends a call when its time is up, and no other', async () => {
  const clock = createFakeClock();
  const calls = createCalls(clock);
  const short = calls.wait({ id: '1', text: '', timeLimitMs: 10 });
  const long = calls.wait({ id: '2', text: '', timeLimitMs: 11 });
  await clock.advance(10);
  assert.equal(await short, failure('timeout', 'no answer within 10 ms'));
  assert.not.ok(calls.answer('1', 'late'));
  assert.ok(calls.answer('2', 'in time'));
  assert.equal(await long, { ok: true, text: 'in time' });
});

test('ends all calls with the link, once, and takes new ones', async () => {
  const clock = createFakeClock();
  const calls = createCalls(clock);
  const made = ['1', '2'].map((id) => calls.wait({ id, text: '', timeLimitMs: 10 }));
  const lost = failure('closed', 'lost');
  calls.failAll(lost);
  assert.equal(await Promise.all(made), [lost, lost]);
  assert.is(clock.waiting(), 0);
  const again = calls.wait({ id: '1', text: '', timeLimitMs: 10 });
  calls.answer('1', 'a');
  assert.equal(await again, { ok: true, text: 'a' });
});

test('takes no id twice at a time', () => {
  const calls = createCalls(createFakeClock());
  void calls.wait({ id: '1', text: '', timeLimitMs: 10 });
  assert.throws(() => calls.wait({ id: '1', text: '', timeLimitMs: 10 }), /same id/);
});

test.run();
