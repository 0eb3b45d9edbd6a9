// Every single cut of every journey: before and after each operation that changes something, of the
// power and of the process alone. Servers, ways and nodes turn with the seeds.
import { layers } from './ci.ts';
import { testLayer } from './layer.ts';

testLayer(layers.singles, (all) => all.singles > 4_500);
