import { type ComparisonRow, type MetricId, type MetricValue, metricIds, type Verdict } from '../model.ts';
import { type MetricValues, metricDefinitions } from './metrics.ts';
import { rankSumInterval } from './rank-sum.ts';
import { type Interval, signedRankInterval } from './signed-rank.ts';

export interface CompareOptions {
  /**
   * Whether block i of both arms was measured side by side. Only then may their values be paired;
   * otherwise the two sets are compared as they are and no verdict is given, because what changed
   * between the two sessions is in the difference, too, and not in the interval.
   */
  readonly interleaved: boolean;
  readonly confidence?: number;
}

/**
 * One row per metric that either arm has: ratio candidate / baseline with its interval, from the
 * logarithms of block values. Interleaved arms are paired by block (Hodges-Lehmann, exact signed
 * rank) over the blocks that both have; others use the two-sample version (exact rank sum).
 * A zero or a missing value on either side leaves the ratio null.
 */
export function compareMetrics(
  baseline: MetricValues,
  candidate: MetricValues,
  options: CompareOptions,
): readonly ComparisonRow[] {
  return metricIds
    .filter((metric) => baseline[metric] !== undefined || candidate[metric] !== undefined)
    .map((metric) => compareMetric(metric, baseline[metric], candidate[metric], options));
}

function compareMetric(
  metric: MetricId,
  baseline: MetricValue | undefined,
  candidate: MetricValue | undefined,
  options: CompareOptions,
): ComparisonRow {
  const { unit, direction } = metricDefinitions[metric];
  const pairs = pairByBlock(baseline, candidate);
  const interval = options.interleaved
    ? pairedLogRatios(pairs, options.confidence)
    : unpairedLogRatios(baseline, candidate, options.confidence);
  const row = {
    metric,
    unit,
    baseline: baseline?.value ?? null,
    candidate: candidate?.value ?? null,
    ratio: exponential(interval?.estimate),
    ciLow: exponential(interval?.low),
    ciHigh: exponential(interval?.high),
    confidence: interval?.confidence ?? null,
    blocks: options.interleaved ? pairs.length : Math.min(baseline?.blocks ?? 0, candidate?.blocks ?? 0),
    direction,
  };
  return { ...row, verdict: judge(row, pairs, options) };
}

interface Pair {
  readonly baseline: number;
  readonly candidate: number;
}

function pairByBlock(baseline: MetricValue | undefined, candidate: MetricValue | undefined): readonly Pair[] {
  const candidates = new Map(candidate?.perBlock.map(({ block, value }) => [block, value]));
  return (baseline?.perBlock ?? []).flatMap(({ block, value }) => {
    const other = candidates.get(block);
    return other === undefined ? [] : [{ baseline: value, candidate: other }];
  });
}

function pairedLogRatios(pairs: readonly Pair[], confidence?: number): Interval | null {
  // One zero has no logarithm; leaving its block out would drop the most extreme one.
  if (pairs.some((pair) => pair.baseline <= 0 || pair.candidate <= 0)) return null;
  return signedRankInterval(
    pairs.map((pair) => Math.log(pair.candidate / pair.baseline)),
    confidence,
  );
}

function unpairedLogRatios(
  baseline: MetricValue | undefined,
  candidate: MetricValue | undefined,
  confidence?: number,
): Interval | null {
  const [before, after] = [baseline, candidate].map((metric) => metric?.perBlock.map(({ value }) => value));
  if (before === undefined || after === undefined) return null;
  if ([...before, ...after].some((value) => value <= 0)) return null;
  return rankSumInterval(before.map(Math.log), after.map(Math.log), confidence);
}

function judge(
  row: Pick<ComparisonRow, 'ciLow' | 'ciHigh' | 'confidence' | 'direction'>,
  pairs: readonly Pair[],
  { interleaved, confidence = 0.95 }: CompareOptions,
): Verdict {
  if (!interleaved || pairs.length === 0) return 'inconclusive';
  const lowerIsBetter = row.direction === 'lower-is-better';
  // Nothing is better than no errors at all: the logarithm fails here, the judgement does not.
  if (lowerIsBetter && pairs.every((pair) => pair.candidate === 0)) return 'pass';
  if (row.confidence === null || row.confidence < confidence) return 'inconclusive';
  if (row.ciLow === null || row.ciHigh === null) return 'inconclusive';
  const worse = lowerIsBetter ? row.ciLow > 1 : row.ciHigh < 1;
  return worse ? 'fail' : 'pass';
}

function exponential(logRatio: number | null | undefined): number | null {
  return logRatio === null || logRatio === undefined ? null : Math.exp(logRatio);
}
