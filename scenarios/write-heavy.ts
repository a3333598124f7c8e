import type { Scenario } from '../bench/model.ts';
import { contactCentre, steadyLoad } from './shared/contact-centre.ts';

/** A nightly import or a telephony integration that logs every event: replicas have little to take over. */
export default {
  ...contactCentre,
  name: 'write-heavy',
  description: 'An integration that logs every telephony event: writes outnumber reads.',
  readShare: 0.3,
  load: steadyLoad,
  defaults: { blocks: 7, sliceSeconds: 3 },
} satisfies Scenario;
