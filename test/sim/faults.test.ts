// Tests EIO, ENOSPC, EROFS, EMFILE and a short write at each operation that can fail so, once. On
// the first journeys the error also occurs twenty times in a row. A failed sync must end the
// process; the disk reports a repeated sync.
import { layers } from './ci.ts';
import { testLayer } from './layer.ts';

testLayer(layers.faults, (all) => all.faults > 4_000);
