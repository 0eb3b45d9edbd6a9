// Tests every combination of what a power loss leaves of the data and of the journal, which are
// synced at once, at each operation of the small journeys. Where the journal is never rewritten, a
// second power loss comes in the start that follows.
import { layers } from './ci.ts';
import { testLayer } from './layer.ts';

testLayer(layers.commits, (all) => all.singles > 1_000 && all.pairs > 300);
