import type { GateRules } from '../../model.ts';

/**
 * What a gate decides by unless told otherwise. Minimum effect and tolerance are about one and two standard
 * deviations of a block on a shared machine, so that a gate of nine blocks can tell them apart.
 *
 * Eight blocks are the fewest in which one metric of four can fail (4/256 is just below 0.05/3); the ninth lets
 * more gates of equal builds end there for a ninth of the time. Looks at 14 and 24 would end sooner on a rough machine, but without a verdict: they find 77 % of regressions of the read
 * P95 by its tolerance there and leave 13 % of equal builds open, against 93 % and 1 % with 18 and 36. On a
 * calm or shared machine nearly all gates end at the first look either way. See docs/gate.md.
 */
export const defaultGateRules: GateRules = {
  metrics: [
    { metric: 'app.cpuMsPerRequest', minEffect: 0.03, tolerance: 0.08 },
    { metric: 'read.qps', minEffect: 0.05, tolerance: 0.1 },
    { metric: 'read.p95Ms', minEffect: 0.08, tolerance: 0.15 },
    { metric: 'write.p95Ms', minEffect: 0.1, tolerance: 0.2 },
  ],
  guards: [
    { metric: 'errors.ratio', max: 0.01 },
    // Longer than this, and a user who has just written does not find it after the page has loaded.
    { metric: 'lag.p95Ms', max: 1000 },
  ],
  looks: [9, 18, 36],
  alpha: 0.05,
};
