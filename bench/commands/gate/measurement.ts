/** How a gate measures: what is offered to both builds, for how long, and in which turns. */
import { createHash } from 'node:crypto';
import type { GateRules, MetricId, Scenario, SliceKind, SliceParts } from '../../model.ts';
import type { GateFlags } from './gate-options.ts';

/** At full speed; then half as long at the steady rate. */
export const warmUpSeconds = 2;
/** The steady slice, and in how many parts: what the machine does, it does to both builds. */
const steadyParts = 6;
export const defaultSliceSeconds = steadyParts * 1;
/** Throughput is known sooner than a tail. */
const saturationParts = 2;
/**
 * Most of the capacity that is offered in steady slices. Nearer to it a P95 is the length of a queue, which doubles
 * and halves by chance; at half of it, it is the work that a request costs.
 */
const mostSteadyShare = 0.5;

export function calmer(scenario: Scenario): Scenario {
  const { load } = scenario;
  return { ...scenario, load: { ...load, steadyShare: Math.min(load.steadyShare, mostSteadyShare) } };
}

/** Those that gated metrics come from, and no more: a gate's time goes into blocks. */
export function slicesFor({ metrics }: GateRules): readonly SliceKind[] {
  const gated = (metric: MetricId): boolean => metrics.some((one) => one.metric === metric);
  return [
    'steady',
    ...(gated('read.qps') ? (['read-saturation'] as const) : []),
    ...(gated('write.qps') ? (['write-saturation'] as const) : []),
  ];
}

/** Of a steady slice of this length and of a saturation slice of a third of it. */
export function partsOf(sliceSeconds: number): SliceParts {
  const seconds = sliceSeconds / steadyParts;
  const saturation = { count: saturationParts, seconds: sliceSeconds / 3 / saturationParts };
  return {
    steady: { count: steadyParts, seconds },
    'read-saturation': saturation,
    'write-saturation': saturation,
  };
}

/**
 * A digest of everything that a gate's ratios and verdict depend on, but for builds and machine: only gates with
 * the same one may be counted together.
 */
export function gateMethod(
  application: string,
  scenario: Scenario,
  rules: GateRules,
  { replicas, sliceSeconds, nodeCpus, limits }: GateFlags,
): string {
  const parts = { ...partsOf(sliceSeconds ?? defaultSliceSeconds), warmUpSeconds };
  const method = { application, scenario, rules, replicas, nodeCpus, limits, parts };
  return createHash('sha256').update(JSON.stringify(method)).digest('hex').slice(0, 12);
}
