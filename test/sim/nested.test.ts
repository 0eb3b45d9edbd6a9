// Cuts within the recovery from cuts, up to two hundred in a run, placed by the seed.
import { layers } from './ci.ts';
import { testLayer } from './layer.ts';

testLayer(layers.nested, (all) => all.nested > 6_000);
