// Tests all pairs of a kill and a power loss on the small journeys. The next process reads what the
// killed process left in the kernel; then the power loss drops it.
import { layers } from './ci.ts';
import { testLayer } from './layer.ts';

testLayer(layers.kills, (all) => all.pairs > 7_000);
