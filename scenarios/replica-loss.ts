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
    // What is left has to carry it with ease: whatever gets slower then is not for want of capacity.
    steadyShare: 0.1,
  },
  faults: [{ kind: 'kill', node: 'replica1', from: 0.3, to: 0.6 }],
  // Eighteen seconds before it and of it, 24 after it: some 400 reads in each, for a P95.
  defaults: { blocks: 3, sliceSeconds: 60 },
  // Of the others it is the question what they lose.
  objectives: [{ metric: 'errors.ratio', arm: 'balanced', max: 0 }],
} satisfies Scenario;
