// Tests every single interruption of every journey: a power loss and a kill, before and after each
// operation that changes something. Servers, transports and nodes change with the seeds.
import { layers } from './ci.ts';
import { testLayer } from './layer.ts';

testLayer(layers.singles, (all) => all.singles > 4_500);
