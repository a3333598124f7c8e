import type { Scenario } from '../bench/model.ts';
import { contactCentre, steadyLoad } from './shared/contact-centre.ts';

/** Both replicas die at a busy hour, and the reads that they carried are more than the primary could: what becomes of it? */
export default {
  ...contactCentre,
  name: 'replicas-gone',
  description:
    'A busy contact centre that loses all its replicas: whether the primary survives what they carried.',
  readShare: 0.9,
  // More than one node can do: without a limit the primary would be toppled.
  load: { ...steadyLoad, steadyShare: 1.2 },
  faults: [{ kind: 'kill', node: 'replicas', from: 0.3, to: 0.6 }],
  defaults: { blocks: 3, sliceSeconds: 30 },
  // What is refused counts as an error, and refusing is the point.
  objectives: [],
} satisfies Scenario;
