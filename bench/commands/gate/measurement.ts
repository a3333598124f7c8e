/** How a gate measures: what is offered to both builds, for how long, and in which turns. */
import { createHash } from 'node:crypto';
import type { ApplicationDefinition } from '../../experiment/application-definition.ts';
import type { GateRules, MetricId, Scenario, SliceKind, SliceParts } from '../../model.ts';
import type { GateFlags } from './gate-options.ts';

/**
 * Of the steady slice, for the warm-up at full speed; then a third as long at the steady rate. With less the
 * sample application still becomes faster in the steady slice, and not every process at the same pace.
 */
const warmUpShare = 0.8;
/** The steady slice, and in how many parts: what the machine does, it does to both builds. */
const steadyParts = 4;
export const defaultSliceSeconds = 5;
/** Throughput is known sooner than a tail. */
const saturationParts = 2;
const saturationShare = 0.3;
/**
 * Most of the capacity that is offered in steady slices, at the peak of a profile. Nearer to it a P95 is the length of
 * a queue, which doubles and halves by chance; at half of it, it is the work that a request costs.
 */
const mostSteadyShare = 0.5;

/**
 * The scenario as a gate offers it: evenly spaced, because bursts that chance makes are the same for both builds, but
 * what the machine makes of them is not.
 */
export function calmer(scenario: Scenario): Scenario {
  const { load } = scenario;
  const peak = Math.max(1, ...(load.profile ?? []).flatMap(({ from, to }) => [from, to]));
  const steadyShare = Math.min(load.steadyShare, mostSteadyShare / peak);
  return { ...scenario, load: { ...load, steadyShare, arrivals: 'uniform' } };
}

/**
 * Without the versions of answers, unless a rule is about what they tell: an older build may not have them, and keeping
 * account of them is work.
 */
export function versionsIfAsked(scenario: Scenario, { metrics, guards }: GateRules): Scenario {
  if ([...metrics, ...guards].some(({ metric }) => /^(stale|ryw|monotonic)\./.test(metric))) return scenario;
  return { ...scenario, operations: scenario.operations.map(({ version: _, ...operation }) => operation) };
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

export function warmUpFor(sliceSeconds: number): number {
  return warmUpShare * sliceSeconds;
}

/** Of a steady slice of this length. */
export function partsOf(sliceSeconds: number): SliceParts {
  const seconds = sliceSeconds / steadyParts;
  const saturation = { count: saturationParts, seconds: (saturationShare * sliceSeconds) / saturationParts };
  return {
    steady: { count: steadyParts, seconds },
    'read-saturation': saturation,
    'write-saturation': saturation,
  };
}

/**
 * A digest of what is measured and how it is decided, but for builds and machine: only gates with the same one may be
 * counted together. Whoever changes what this program does without changing any of it counts unlike gates together.
 */
export function gateMethod(
  { name, command, port, readyPath }: ApplicationDefinition,
  scenario: Scenario,
  rules: GateRules,
  { replicas, sliceSeconds, nodeCpus, limits }: GateFlags,
): string {
  const seconds = sliceSeconds ?? defaultSliceSeconds;
  const parts = { ...partsOf(seconds), warmUpSeconds: warmUpFor(seconds) };
  // One with a port of its own is not measured in turns. A command that is a list is the sample application's.
  const own = {
    ...(port === undefined ? {} : { inTurn: false }),
    ...(typeof command === 'string' ? { command, readyPath } : {}),
  };
  const method = { application: name, scenario, rules, replicas, nodeCpus, limits, parts, ...own };
  return createHash('sha256').update(JSON.stringify(method)).digest('hex').slice(0, 12);
}
