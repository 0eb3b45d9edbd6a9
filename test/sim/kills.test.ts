// All pairs of a kill and a power cut on the small journeys: what a killed process left to the
// kernel is read by the next one, and then the power takes it.
import { layers } from './ci.ts';
import { testLayer } from './layer.ts';

testLayer(layers.kills, (all) => all.pairs > 7_000);
