// Tests interruptions during the recovery from interruptions, up to two hundred in a run, at places
// that the seed selects.
import { layers } from './ci.ts';
import { testLayer } from './layer.ts';

testLayer(layers.nested, (all) => all.nested > 6_000);
