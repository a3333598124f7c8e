import type { GateRules } from '../../model.ts';

/**
 * What a gate tests when nobody says otherwise. Three looks, because at the first one, 8 blocks, the exact test can
 * just reject at a third of 5 % divided over four metrics: p = 1/256.
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
    { metric: 'lag.p95Ms', max: 1000 },
  ],
  looks: [8, 14, 24],
  alpha: 0.05,
};
