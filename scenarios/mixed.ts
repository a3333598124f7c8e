import type { Scenario } from '../bench/model.ts';
import { contactCentre, steadyLoad } from './shared/contact-centre.ts';

/** A campaign day: every third request changes something. The seed calls 70 % reads the break-even. */
export default {
  ...contactCentre,
  name: 'mixed',
  description: 'A campaign day: agents log and assign almost as often as they look things up.',
  readShare: 0.7,
  load: steadyLoad,
  defaults: { blocks: 7, sliceSeconds: 3 },
} satisfies Scenario;
