import type { Scenario } from '../bench/model.ts';
import { contactCentre, steadyLoad } from './shared/contact-centre.ts';

/** A working shift: long enough for checkpoints, autovacuum and WAL recycling to happen inside a slice. */
export default {
  ...contactCentre,
  name: 'soak',
  description: 'A working shift: minutes of steady traffic, so that checkpoints and autovacuum take part.',
  readShare: 0.9,
  load: { ...steadyLoad, steadyShare: 0.5 },
  defaults: { blocks: 7, sliceSeconds: 120 },
} satisfies Scenario;
