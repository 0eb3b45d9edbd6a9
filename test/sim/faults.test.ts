// EIO, ENOSPC, EROFS, EMFILE and a short write at each operation that can fail so, once, and on the
// first journeys also twenty times in a row. A failed sync must end the process: the disk tells who
// syncs again.
import { layers } from './ci.ts';
import { testLayer } from './layer.ts';

testLayer(layers.faults, (all) => all.faults > 4_000);
