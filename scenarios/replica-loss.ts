import type { Scenario } from '../bench/model.ts';
import { contactCentre, steadyLoad } from './shared/contact-centre.ts';

/** A quiet afternoon on which one replica's machine dies, and is back some minutes later: who notices? */
export default {
  ...contactCentre,
  name: 'replica-loss',
  description: 'A contact centre that loses a replica for a while: what its callers notice of it.',
  readShare: 0.9,
  load: {
    ...steadyLoad,
    // What is left has to be able to carry it: whatever goes wrong then is not for want of capacity.
    steadyShare: 0.2,
  },
  faults: [{ kind: 'kill', node: 'replica1', from: 0.3, to: 0.6 }],
  // Nine seconds before it, nine of it, twelve after it.
  defaults: { blocks: 3, sliceSeconds: 30 },
  // Of the others it is the question what they lose.
  objectives: [{ metric: 'errors.ratio', arm: 'balanced', max: 0 }],
} satisfies Scenario;
