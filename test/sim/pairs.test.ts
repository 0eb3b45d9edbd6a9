// All pairs of power cuts on the small journeys; the second one hits what the first one led to.
import { layers } from './ci.ts';
import { testLayer } from './layer.ts';

testLayer(layers.pairs, (all) => all.pairs > 7_000);
