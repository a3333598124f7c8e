import type { Scenario } from '../bench/model.ts';
import { contactCentre, steadyLoad } from './shared/contact-centre.ts';

/** The switchboard after a mailing: the rate triples within a moment, stays, and falls back. */
export default {
  ...contactCentre,
  name: 'spike',
  description: 'The switchboard after a mailing: three times the usual rate for a fifth of the time.',
  readShare: 0.9,
  load: {
    ...steadyLoad,
    // A spike of three times 0.4 exceeds the baseline's capacity; that is the question asked.
    steadyShare: 0.4,
    profile: [
      { share: 0.35, from: 1, to: 1 },
      { share: 0.05, from: 1, to: 3 },
      { share: 0.2, from: 3, to: 3 },
      { share: 0.05, from: 3, to: 1 },
      { share: 0.35, from: 1, to: 1 },
    ],
  },
  defaults: { blocks: 7, sliceSeconds: 8 },
} satisfies Scenario;
