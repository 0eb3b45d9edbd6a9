// Derives from its bytes what a write of the guest contains, so that a plan can name it.
export type Content = 'payload' | 'records' | 'file system';

/** Each block of every ext4 here begins at a multiple of it. */
const blockBytes = 1_024;
const keyBytes = 8;
/** Marks of the journal of the agent: the header, and each record. */
const marks = [Buffer.from('SOTA-AGENT-STORE'), Buffer.from([0xf5, 0x53, 0x41, 0xf6])];

/** `payload`: random bytes, so the first bytes of a block occur nowhere else. */
export function createContentOf(payload: Buffer): (data: Buffer) => Content {
  const known = new Set(keysOf(payload));
  return (data) => {
    if (keysOf(data).some((key) => known.has(key))) return 'payload';
    return marks.some((mark) => data.includes(mark)) ? 'records' : 'file system';
  };
}

function keysOf(data: Buffer): readonly string[] {
  const keys: string[] = [];
  for (let at = 0; at + keyBytes <= data.length; at += blockBytes) {
    keys.push(data.toString('latin1', at, at + keyBytes));
  }
  return keys;
}
