import type { Scenario } from '../bench/model.ts';
import { contactCentre, steadyLoad } from './shared/contact-centre.ts';

/** A contact centre at midday: agents look things up ten times for each call they log. */
export default {
  ...contactCentre,
  name: 'read-heavy',
  description: 'A contact centre at midday: nine look-ups for each call that is logged.',
  readShare: 0.9,
  load: steadyLoad,
  defaults: { blocks: 7, sliceSeconds: 3 },
} satisfies Scenario;
