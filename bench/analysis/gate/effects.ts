import type { ArmResult, GatedMetric } from '../../model.ts';
import { metricDefinitions } from '../metrics.ts';

/** Log-ratios block by block, above zero where the candidate is worse; or why there are none. */
export type BlockEffects =
  | { readonly kind: 'measured'; readonly values: readonly number[] }
  | { readonly kind: 'missing'; readonly blocks: number }
  | { readonly kind: 'zero'; readonly blocks: number };

/** An arm as far as a gate looks at it. */
export type GateArm = Pick<ArmResult, 'metrics'>;

/**
 * The effects of one metric in the given blocks. A single block without a value, or with one that has no
 * logarithm, leaves none at all: what is missing may be missing because of the candidate.
 */
export function blockEffects(
  { metric }: GatedMetric,
  reference: GateArm,
  candidate: GateArm,
  blocks: readonly number[],
): BlockEffects {
  const [before, after] = [reference, candidate].map(
    (arm) => new Map(arm.metrics[metric]?.perBlock.map(({ block, value }) => [block, value])),
  );
  const pairs = blocks.map((block) => [before?.get(block), after?.get(block)] as const);
  const missing = pairs.filter(([one, other]) => !isNumber(one) || !isNumber(other)).length;
  if (missing > 0) return { kind: 'missing', blocks: missing };
  const known = pairs.filter((pair): pair is readonly [number, number] => pair.every(isNumber));
  const zero = known.filter(([one, other]) => one <= 0 || other <= 0).length;
  if (zero > 0) return { kind: 'zero', blocks: zero };
  return {
    kind: 'measured',
    values: known.map(([one, other]) => onWorseSide(metric, Math.log(other / one))),
  };
}

/** ln(candidate / reference), turned round where more is better. */
export function onWorseSide(metric: GatedMetric['metric'], logRatio: number): number {
  return worseSign(metric) * logRatio;
}

/** The log-ratio, on the worse side, of a candidate that is worse by this share of the reference. */
export function logEffect(metric: GatedMetric['metric'], share: number): number {
  const sign = worseSign(metric);
  return sign * Math.log(1 + sign * share);
}

/** The other way round: which share of the reference a log-ratio on the worse side is. */
export function shareOf(metric: GatedMetric['metric'], log: number): number {
  const sign = worseSign(metric);
  return sign * Math.expm1(sign * log);
}

/** 1 where more is worse, -1 where less is. */
function worseSign(metric: GatedMetric['metric']): 1 | -1 {
  return metricDefinitions[metric].direction === 'lower-is-better' ? 1 : -1;
}

function isNumber(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value);
}
