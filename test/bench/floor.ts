// Measures the least work that Node must do: a bare loop reads messages from a file, decodes,
// hashes, writes and syncs them. It has no network, no journal and no checks; all calls are
// synchronous.
//
//   floor MESSAGES MESSAGE-BYTES COUNT OUT BATCH
import { createHash } from 'node:crypto';
import { fdatasyncSync, openSync, readSync, writeSync } from 'node:fs';
import process from 'node:process';

const [messages = '', messageBytes = '', count = '', out = '', batch = ''] = process.argv.slice(2);
const [from, to] = [openSync(messages, 'r'), openSync(out, 'w')];
const message = Buffer.allocUnsafe(Number(messageBytes));
const hash = createHash('sha1');
for (let at = 0; at < Number(count); at++) {
  readSync(from, message, 0, message.length, at * message.length);
  const { params } = JSON.parse(message.toString());
  const [{ index, bytes }] = params.parameters;
  const data = Buffer.from(bytes, 'base64');
  hash.update(data);
  writeSync(to, data, 0, data.length, (index - 1) * 65_536);
  if (index % Number(batch) === 0) fdatasyncSync(to);
}
fdatasyncSync(to);
console.log(hash.digest('hex'));
// The process stays until stdin ends, so that it can be measured.
process.stdin.resume();
