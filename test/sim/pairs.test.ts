// Tests all pairs of power losses on the small journeys; the second hits the effects of the first.
import { layers } from './ci.ts';
import { testLayer } from './layer.ts';

testLayer(layers.pairs, (all) => all.pairs > 7_000);
